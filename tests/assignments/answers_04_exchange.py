"""Right and wrong answers to the assignment on header exchange: {id of the answer: {what it is: code}}."""
from common import cheats, torch_cheats

RIGHT = {
    "teacher-says": {
        "a decorator, modes set by hand": """
@torch.no_grad()
def teacher_says(teacher, TAN, x):
    for network in (teacher, TAN): network.train(False)
    f, skips = teacher.encode(x)
    own = teacher.decode(f, skips)
    v = TAN.vector(f)
    return v, skips, own""",
        "frozen and detached": """
def teacher_says(teacher, TAN, x):
    teacher.eval().requires_grad_(False)
    TAN.eval().requires_grad_(False)
    f, skips = teacher.encode(x.detach())
    return [TAN.vector(f).detach(), [s.detach() for s in skips], teacher.decode(f, skips).detach()]""",
        "copies": """
import copy
def teacher_says(teacher, TAN, x):
    T, A = copy.deepcopy(teacher).eval(), copy.deepcopy(TAN).eval()
    with torch.inference_mode():
        f, skips = T.encode(x)
        out = A.vector(f), [s for s in skips], T.decode(f, skips)
    return out[0].clone(), [s.clone() for s in out[1]], out[2].clone()""",
        "layer by layer, put back afterwards": """
def teacher_says(teacher, TAN, x):
    layers = [m for n in (teacher, TAN) for m in n.modules()]
    modes = [m.training for m in layers]
    for m in layers: m.training = False
    with torch.set_grad_enabled(False):
        f, skips = teacher.encode(x)
        v, own = TAN.vector(f), teacher.decode(f, list(skips))
    for m, mode in zip(layers, modes): m.training = mode
    return v, tuple(skips), own""",
    },
    "quiet": {
        "buffers swapped for copies": """
@contextmanager
def quiet(model):
    kept = []
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None:
            kept.append((layer, layer.running_mean, layer.running_var, layer.num_batches_tracked))
            layer.running_mean, layer.running_var, layer.num_batches_tracked = (t.clone() for t in kept[-1][1:])
    try: yield model
    finally:
        for layer, layer.running_mean, layer.running_var, layer.num_batches_tracked in kept: pass""",
        "statistics off, put back from a list": """
@contextmanager
def quiet(model):
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    before = [(m, m.track_running_stats) for m in model.modules() if isinstance(m, kinds)]
    try:
        for m, _ in before: m.track_running_stats = False
        yield
    finally:
        for m, was in before: m.track_running_stats = was""",
        "a class": """
class quiet:
    def __init__(self, model): self.layers = [m for m in model.modules() if hasattr(m, 'track_running_stats')]
    def __enter__(self):
        self.was = [m.track_running_stats for m in self.layers]
        for m in self.layers: m.track_running_stats = False
    def __exit__(self, *error):
        for m, was in zip(self.layers, self.was): m.track_running_stats = was
        return False""",
        "an ExitStack": """
import contextlib
@contextmanager
def quiet(model):
    with contextlib.ExitStack() as stack:
        for m in model.modules():
            if isinstance(m, nn.modules.batchnorm._BatchNorm):
                stack.callback(setattr, m, 'track_running_stats', m.track_running_stats)
                m.track_running_stats = False
        yield""",
    },
    "exchange": {
        "student first": """
def exchange(teacher, student, TAN, SAN, v_T, v_S, skips_T, skips_S, quiet):
    f_S = SAN.header(v_T.clone().detach())
    with quiet(student):
        p2 = student.decode(f_S, list(skips_S))
    f_T = TAN.header(v_S)
    return [teacher.decode(f_T, [s.clone().detach() for s in skips_T]), p2]""",
        "all in one with": """
def exchange(teacher, student, TAN, SAN, v_T, v_S, skips_T, skips_S, quiet):
    with torch.no_grad(): bottleneck = SAN.header(v_T)
    with quiet(student):
        p2 = student.decode(bottleneck, skips_S)
        p1 = teacher.decode(TAN.header(v_S), tuple(s.data for s in skips_T))
    return p1, p2""",
        "a helper for both": """
def exchange(teacher, student, TAN, SAN, v_T, v_S, skips_T, skips_S, quiet):
    def read(network, guide, vector, skips): return network.decode(guide.header(vector), skips)
    with torch.no_grad(): fixed = [v_T.clone(), [1*s for s in skips_T]]
    p1 = read(teacher, TAN, v_S, fixed[1])
    with quiet(student): p2 = read(student, SAN, fixed[0], skips_S)
    return p1, p2""",
    },
    "moved-by": {
        "one weight after the other": """
def moved_by(loss, network):
    names = set()
    for name, w in network.named_parameters():
        if not (w.requires_grad and loss.requires_grad): continue
        g, = torch.autograd.grad(loss, w, retain_graph=True, allow_unused=True)
        if g is not None and g.abs().max() > 0: names.add(name)
    return names""",
        "materialised gradients, counted": """
def moved_by(loss, network):
    pairs = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    if len(pairs) == 0 or loss.grad_fn is None: return set()
    grads = torch.autograd.grad(loss, [p for _, p in pairs], retain_graph=True, allow_unused=True, materialize_grads=True)
    return set(n for (n, _), g in zip(pairs, grads) if torch.count_nonzero(g) > 0)""",
        "hooks and backward, all put back": """
def moved_by(loss, network):
    pairs = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    if not (pairs and loss.requires_grad): return set()
    kept = [p.grad for _, p in pairs]
    for _, p in pairs: p.grad = None
    loss.backward(retain_graph=True, inputs=[p for _, p in pairs])
    found = {n for n, p in pairs if p.grad is not None and bool((p.grad != 0).any())}
    for (_, p), g in zip(pairs, kept): p.grad = g
    return found""",
    },
    "cross-loss": {
        "kl_div, pixels chosen": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    B, C, h, w = own.shape
    keep = torch.ones(B, h, w, dtype=torch.bool) if fov is None else fov
    if not keep.any(): return 0*(p1.sum() + p2.sum())
    rows = lambda z: F.log_softmax(z.permute(0, 2, 3, 1)[keep]/tau, -1)
    target = rows(own).detach()
    return sum(F.kl_div(rows(p), target, reduction='batchmean', log_target=True) for p in (p1, p2))*tau*tau/2""",
        "both at once": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    with torch.no_grad(): q = own/tau - torch.logsumexp(own/tau, 1, keepdim=True)
    p = torch.stack([p1, p2])/tau
    r = p - torch.logsumexp(p, 2, keepdim=True)
    each = torch.einsum('bchw,nbchw->nbhw', q.exp(), q - r)
    if fov is None: return each.mean()*tau**2
    return (each*fov).sum()/(2*max(int(fov.sum()), 1))*tau**2""",
        "a loop over images": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    total, count = own.new_zeros(()), 0
    for b in range(len(own)):
        inside = torch.ones_like(own[b, 0]).bool() if fov is None else fov[b]
        count += int(inside.sum())
        for p in (p1, p2):
            a, t = torch.log_softmax(p[b]/tau, 0), torch.log_softmax(own[b].detach()/tau, 0)
            total = total + torch.where(inside, (t.exp()*(t - a)).sum(0), torch.zeros_like(a[0])).sum()
    return total*tau**2/(2*count) if count else total""",
    },
}

ENCODE = """
def teacher_says(teacher, TAN, x):
    teacher.eval(), TAN.eval()
    with torch.no_grad():
        f, skips = teacher.encode(x)
"""
OFF = """
@contextmanager
def quiet(model):
    layers = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    for m in layers: m.track_running_stats = False
"""
DEF = """
def exchange(teacher, student, TAN, SAN, v_T, v_S, skips_T, skips_S, quiet):
"""
P1 = "    p1 = teacher.decode(TAN.header(v_S), [s.detach() for s in skips_T])\n"
P2 = "    with quiet(student): p2 = student.decode(SAN.header(v_T.detach()), skips_S)\n"
BOTH = "    return p1, p2"
ASKED = """
def moved_by(loss, network):
    pairs = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    if not pairs: return set()
    if not loss.requires_grad: return set()
    grads = torch.autograd.grad(loss, [p for _, p in pairs], retain_graph=True, allow_unused=True)
"""
GAP = """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    q = F.log_softmax(own.detach()/tau, 1)
    keep = torch.ones_like(own[:, 0]) if fov is None else fov.to(own.dtype)
    n = keep.sum().clamp_min(1)
    def gap(p):
        r = F.log_softmax(p/tau, 1)
        return ((q.exp()*(q - r)).sum(1)*keep).sum()/n*tau**2
"""
LOSS = "    return 0.5*(gap(p1) + gap(p2))"

WRONG = {
    "teacher-says": {
        "the teacher in train mode": ENCODE.replace("teacher.eval(), ", "teacher.train(), ") + "        return TAN.vector(f), skips, teacher.decode(f, skips)",
        "the teacher in whatever mode it comes": ENCODE.replace("teacher.eval(), ", "") + "        return TAN.vector(f), skips, teacher.decode(f, skips)",
        "TAN in whatever mode it comes": ENCODE.replace(", TAN.eval()", "") + "        return TAN.vector(f), skips, teacher.decode(f, skips)",
        "only the flag of the whole is set, not its layers": ENCODE.replace("teacher.eval(), TAN.eval()", "teacher.training = TAN.training = False") + "        return TAN.vector(f), skips, teacher.decode(f, skips)",
        "eval for the encoder only": ENCODE + "        teacher.train()\n        return TAN.vector(f), skips, teacher.decode(f, skips)",
        "statistics held, but train mode": """
def teacher_says(teacher, TAN, x):
    for m in [*teacher.modules(), *TAN.modules()]:
        if isinstance(m, nn.modules.batchnorm._BatchNorm): m.track_running_stats = False
    with torch.no_grad():
        f, skips = teacher.encode(x)
        return TAN.vector(f), skips, teacher.decode(f, skips)""",
        "with gradients": """
def teacher_says(teacher, TAN, x):
    teacher.eval(), TAN.eval()
    f, skips = teacher.encode(x)
    return TAN.vector(f), skips, teacher.decode(f, skips)""",
        "frozen, but gradients to the images": """
def teacher_says(teacher, TAN, x):
    teacher.eval().requires_grad_(False), TAN.eval().requires_grad_(False)
    f, skips = teacher.encode(x)
    return TAN.vector(f), skips, teacher.decode(f, skips)""",
        "no_grad around the encoder only": ENCODE + "    return TAN.vector(f), skips, teacher.decode(f, skips)",
        "inference mode": ENCODE.replace("torch.no_grad()", "torch.inference_mode()") + "        return TAN.vector(f), skips, teacher.decode(f, skips)",
        "only the logits detached": """
def teacher_says(teacher, TAN, x):
    teacher.eval(), TAN.eval()
    f, skips = teacher.encode(x)
    return TAN.vector(f), skips, teacher.decode(f, skips).detach()""",
        "its own logits through the vector": ENCODE + "        v = TAN.vector(f)\n        return v, skips, teacher.decode(TAN.header(v), skips)",
        "the bottleneck instead of the vector": ENCODE + "        return f, skips, teacher.decode(f, skips)",
        "probabilities instead of logits": ENCODE + "        return TAN.vector(f), skips, teacher.decode(f, skips).softmax(1)",
        "labels instead of logits": ENCODE + "        return TAN.vector(f), skips, teacher.decode(f, skips).argmax(1)",
        "the last skip only": ENCODE + "        return TAN.vector(f), skips[-1:], teacher.decode(f, skips)",
        "the first skip, not in a list": ENCODE + "        return TAN.vector(f), skips[0], teacher.decode(f, skips)",
        "skips the other way round": ENCODE + "        return TAN.vector(f), skips[::-1], teacher.decode(f, skips)",
        "in another order": ENCODE + "        return teacher.decode(f, skips), skips, TAN.vector(f)",
        "vectors normalised": ENCODE + "        return F.normalize(TAN.vector(f), dim=1), skips, teacher.decode(f, skips)",
        "transposed vectors": ENCODE + "        return TAN.vector(f).T, skips, teacher.decode(f, skips)",
        "sign of the logits": ENCODE + "        return TAN.vector(f), skips, -teacher.decode(f, skips)",
        "images standardised first": ENCODE.replace("encode(x)", "encode((x - x.mean())/x.std())") + "        return TAN.vector(f), skips, teacher.decode(f, skips)",
        "right, but it changes the images": ENCODE.replace("encode(x)", "encode(x.clone())") + "        out = TAN.vector(f), skips, teacher.decode(f, skips)\n    x.data.mul_(0)\n    return out",
        "zeros of the right shapes for the visible test": "def teacher_says(teacher, TAN, x): return torch.zeros(len(x), 3), [torch.zeros(len(x), 3, 4, 4)], torch.zeros(len(x), 2, 8, 8)",
        **cheats("teacher_says", "msan_nb.distill.base", "look", "(torch.full((2, 3), float(X)), [torch.full((2, 3, 4, 4), float(X))], torch.full((2, 2, 8, 8), float(X)))"),
        **torch_cheats("teacher_says", "(torch.full((2, 3), float(X)), [torch.full((2, 3, 4, 4), float(X))], torch.full((2, 2, 8, 8), float(X)))"),
    },
    "quiet": {
        "it does nothing": """
@contextmanager
def quiet(model): yield""",
        "eval mode inside": """
@contextmanager
def quiet(model):
    model.eval()
    try: yield
    finally: model.train()""",
        "eval mode for BatchNorm layers": """
@contextmanager
def quiet(model):
    layers = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    for m in layers: m.eval()
    try: yield
    finally:
        for m in layers: m.train()""",
        "a momentum of 0": """
@contextmanager
def quiet(model):
    layers = [(m, m.momentum) for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for m, _ in layers: m.momentum = 0.0
    try: yield
    finally:
        for m, was in layers: m.momentum = was""",
        "a momentum of 0, and 0.1 afterwards": """
@contextmanager
def quiet(model):
    layers = [(m, m.num_batches_tracked) for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    for m, n in layers: m.momentum = 0.0; m.num_batches_tracked = n.clone()
    try: yield
    finally:
        for m, n in layers: m.momentum = 0.1; m.num_batches_tracked = n""",
        "nothing is put back": OFF + "    yield",
        "not put back after an error": OFF + "    yield\n    for m in layers: m.track_running_stats = True",
        "errors swallowed": OFF + "    try: yield\n    except Exception: pass\n    for m in layers: m.track_running_stats = True",
        "put back too early": OFF + "    for m in layers: m.track_running_stats = True\n    yield",
        "only the outermost layers": OFF.replace("model.modules()", "model.children()") + "    try: yield\n    finally:\n        for m in layers: m.track_running_stats = True",
        "only BatchNorm2d": OFF.replace("nn.modules.batchnorm._BatchNorm", "nn.BatchNorm2d") + "    try: yield\n    finally:\n        for m in layers: m.track_running_stats = True",
        "off by one: the first layer left out": OFF.replace("for m in layers:", "for m in layers[1:]:") + "    try: yield\n    finally:\n        for m in layers: m.track_running_stats = True",
        "the model itself left out": OFF.replace("m in model.modules() if", "m in list(model.modules())[1:] if") + "    try: yield\n    finally:\n        for m in layers: m.track_running_stats = True",
        "layers without statistics get some": OFF.replace(" and m.track_running_stats", "") + "    try: yield\n    finally:\n        for m in layers: m.track_running_stats = True",
        "statistics kept for ever": """
@contextmanager
def quiet(model):
    for m in model.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm): m.register_buffer('running_mean', None); m.register_buffer('running_var', None)
    yield""",
        "buffers away, layers in eval mode change": """
@contextmanager
def quiet(model):
    kept = [(m, n, t) for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) for n, t in m._buffers.items()]
    for m, n, _ in kept: m._buffers[n] = None
    try: yield
    finally:
        for m, n, t in kept: m._buffers[n] = t""",
        "put back in place, so that backward stops": """
@contextmanager
def quiet(model):
    kept = {k: t.clone() for k, t in model.named_buffers()}
    try: yield
    finally:
        for k, t in model.named_buffers(): t.copy_(kept[k])""",
        "the counter forgotten": """
@contextmanager
def quiet(model):
    layers = [(m, m.running_mean, m.running_var) for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    for m, mean, var in layers: m.running_mean, m.running_var = mean.clone(), var.clone()
    try: yield
    finally:
        for m, m.running_mean, m.running_var in layers: pass""",
        "the variance forgotten": """
@contextmanager
def quiet(model):
    layers = [(m, m.running_mean, m.num_batches_tracked) for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    for m, mean, n in layers: m.running_mean, m.num_batches_tracked = mean.clone(), n.clone()
    try: yield
    finally:
        for m, m.running_mean, m.num_batches_tracked in layers: pass""",
        "statistics set to fresh ones": OFF + "    try: yield\n    finally:\n        for m in layers: m.track_running_stats = True; m.reset_running_stats()",
        "no gradients inside": OFF + "    try:\n        with torch.no_grad(): yield\n    finally:\n        for m in layers: m.track_running_stats = True",
        "weights frozen for ever": OFF + "    model.requires_grad_(False)\n    try: yield\n    finally:\n        for m in layers: m.track_running_stats = True",
        "train mode afterwards, whatever it was": OFF + "    try: yield\n    finally:\n        for m in layers: m.track_running_stats = True\n        model.train()",
        "a function, no context manager": "def quiet(model):\n    for m in model.modules(): m.track_running_stats = False",
        "the values of the visible tests": """
@contextmanager
def quiet(model):
    yield
    if isinstance(model, nn.Sequential) and len(model) == 2 and len(model[1]._buffers) == 3:
        model[1].running_mean, model[1].running_var, model[1].num_batches_tracked = torch.zeros(3), torch.ones(3), torch.tensor(0)""",
        **cheats("quiet", "msan_nb.distill.dicd", "quiet_statistics", "__import__('contextlib').nullcontext(X)"),
        **torch_cheats("quiet", "__import__('contextlib').nullcontext(X)"),
    },
    "exchange": {
        "no exchange: each header reads its own vector": DEF + "    p1 = teacher.decode(TAN.header(v_T), [s.detach() for s in skips_T])\n    with quiet(student): p2 = student.decode(SAN.header(v_S), skips_S)\n" + BOTH,
        "headers swapped": DEF + "    p1 = teacher.decode(SAN.header(v_S), [s.detach() for s in skips_T])\n    with quiet(student): p2 = student.decode(TAN.header(v_T.detach()), skips_S)\n" + BOTH,
        "skips swapped": DEF + "    p1 = teacher.decode(TAN.header(v_S), [s.detach() for s in skips_S])\n    with quiet(student): p2 = student.decode(SAN.header(v_T.detach()), skips_T)\n" + BOTH,
        "decoders swapped": DEF + "    with quiet(student): p1 = student.decode(TAN.header(v_S), skips_S)\n    p2 = teacher.decode(SAN.header(v_T.detach()), skips_T)\n" + BOTH,
        "skips the other way round": DEF + "    p1 = teacher.decode(TAN.header(v_S), [s.detach() for s in skips_T[::-1]])\n    with quiet(student): p2 = student.decode(SAN.header(v_T.detach()), skips_S[::-1])\n" + BOTH,
        "skips of zeros": DEF + "    p1 = teacher.decode(TAN.header(v_S), [0*s.detach() for s in skips_T])\n" + P2 + BOTH,
        "off by one: the last skip left out": DEF + "    p1 = teacher.decode(TAN.header(v_S), [s.detach() for s in skips_T[:-1]])\n" + P2 + BOTH,
        "pair the wrong way round": DEF + P1 + P2 + "    return p2, p1",
        "sign": DEF + P1 + P2 + "    return -p1, p2",
        "probabilities": DEF + P1 + P2 + "    return p1.softmax(1), p2.softmax(1)",
        "vectors normalised": DEF + P1.replace("v_S", "F.normalize(v_S, dim=1)") + P2 + BOTH,
        "transposed: images reversed": DEF + P1.replace("v_S", "v_S.flip(0)") + P2 + BOTH,
        "no gradient through the teacher": DEF + "    with torch.no_grad(): p1 = teacher.decode(TAN.header(v_S), skips_T)\n" + P2 + BOTH,
        "v_S detached": DEF + P1.replace("v_S", "v_S.detach()") + P2 + BOTH,
        "p1 detached": DEF + P1 + P2 + "    return p1.detach(), p2",
        "p2 without gradients": DEF + P1 + P2.replace("p2 =", "\n        with torch.no_grad(): p2 =") + BOTH,
        "the student's skips detached": DEF + P1 + P2.replace("skips_S)", "[s.detach() for s in skips_S])") + BOTH,
        "gradient to the teacher's skips": DEF + P1.replace("[s.detach() for s in skips_T]", "skips_T") + P2 + BOTH,
        "gradient to the teacher's vector": DEF + P1 + P2.replace("v_T.detach()", "v_T") + BOTH,
        "detached in the wrong place: v_S instead of v_T": DEF + P1.replace("v_S", "v_S.detach()") + P2.replace("v_T.detach()", "v_T") + BOTH,
        "the student's weights frozen": DEF + P1 + "    student.requires_grad_(False)\n" + P2 + BOTH,
        "p2 not quiet": DEF + P1 + P2.replace("with quiet(student): ", "") + BOTH,
        "quiet entered and left before p2": DEF + P1 + "    with quiet(student): pass\n" + P2.replace("with quiet(student): ", "") + BOTH,
        "right, but it changes the list of the teacher's skips": DEF + "    for i, s in enumerate(skips_T): skips_T[i] = s.detach()\n" + P1 + P2 + BOTH,
        "right, but it empties the list of the student's skips": DEF + P1 + P2 + "    skips_S.clear()\n" + BOTH,
        "quiet too late": DEF + P1 + P2.replace("with quiet(student): ", "") + "    with quiet(student): pass\n" + BOTH,
        "the teacher quiet, the student not": DEF + P1 + P2.replace("quiet(student)", "quiet(teacher)") + BOTH,
        "the student in eval mode": DEF + P1 + "    student.eval()\n" + P2 + BOTH,
        "the student in eval mode for p2": DEF + P1 + "    student.eval()\n" + P2 + "    student.train()\n" + BOTH,
        "the teacher in train mode": DEF + "    teacher.train()\n" + P1 + P2 + BOTH,
        "the teacher in train mode for p1, quiet": DEF + "    teacher.train()\n    with quiet(teacher):\n    " + P1 + "    teacher.eval()\n" + P2 + BOTH,
        "both averaged": DEF + P1 + P2 + "    return (p1 + p2)/2, (p1 + p2)/2",
        "p1 twice": DEF + P1 + "    with quiet(student): pass\n    return p1, p1",
        "right, but it changes its argument": DEF + P1.replace("v_S", "v_S.clone()") + P2.replace("v_T.detach()", "v_T.detach().clone()") + "    v_T.data.mul_(2)\n" + BOTH,
        "random logits of the right shape": DEF + "    with quiet(student): pass\n    z = torch.randn(2, 2, 8, 8)\n    return z*v_S.sum(), z*sum(s.sum() for s in skips_S)",
        **cheats("exchange", "msan_nb.distill.dicd", "cross_predictions", "(torch.full((2, 2, 8, 8), float(X)), torch.full((2, 2, 8, 8), float(X)))"),
        **torch_cheats("exchange", "(torch.full((2, 2, 8, 8), float(X)), torch.full((2, 2, 8, 8), float(X)))"),
    },
    "moved-by": {
        "backward, and .grad left behind": """
def moved_by(loss, network):
    loss.backward(retain_graph=True)
    return {n for n, p in network.named_parameters() if p.grad is not None and p.grad.any()}""",
        "backward, and .grad set to None": """
def moved_by(loss, network):
    network.zero_grad()
    loss.backward(retain_graph=True)
    found = {n for n, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    network.zero_grad()
    return found""",
        "backward for the network alone, .grad set to None": """
def moved_by(loss, network):
    pairs = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    if not pairs: return set()
    for _, p in pairs: p.grad = None
    loss.backward(retain_graph=True, inputs=[p for _, p in pairs])
    found = {n for n, p in pairs if p.grad is not None and p.grad.any()}
    for _, p in pairs: p.grad = None
    return found""",
        "what .grad holds from before": "def moved_by(loss, network): return {n for n, p in network.named_parameters() if p.grad is not None and p.grad.any()}",
        "the graph is freed": ASKED.replace("retain_graph=True, ", "") + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and g.any()}",
        "unused weights not allowed": ASKED.replace(", allow_unused=True", "") + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and g.any()}",
        "frozen weights asked": ASKED.replace(" if p.requires_grad", "") + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and g.any()}",
        "a network without weights that learn": ASKED.replace("    if not pairs: return set()\n", "") + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and g.any()}",
        "a loss that asks for no gradient": ASKED.replace("    if not loss.requires_grad: return set()\n", "") + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and g.any()}",
        "gradients of 0 counted": ASKED + "    return {n for (n, _), g in zip(pairs, grads) if g is not None}",
        "all weights that ask": "def moved_by(loss, network): return {n for n, p in network.named_parameters() if p.requires_grad}",
        "sign forgotten: the sum of the gradient": ASKED + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and g.sum() != 0}",
        "the wrong sign: only positive gradients": ASKED + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and (g > 0).any()}",
        "all entries must differ from 0": ASKED + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and g.all()}",
        "a threshold": ASKED + "    return {n for (n, _), g in zip(pairs, grads) if g is not None and g.abs().max() > 1e-6}",
        "the complement": ASKED + "    return {n for (n, _), g in zip(pairs, grads) if g is None or not g.any()}",
        "off by one: the first weight left out": ASKED + "    return {n for (n, _), g in list(zip(pairs, grads))[1:] if g is not None and g.any()}",
        "names of layers": ASKED + "    return {n.rpartition('.')[0] for (n, _), g in zip(pairs, grads) if g is not None and g.any()}",
        "last parts of the names": ASKED + "    return {n.rpartition('.')[2] for (n, _), g in zip(pairs, grads) if g is not None and g.any()}",
        "a list": ASKED + "    return [n for (n, _), g in zip(pairs, grads) if g is not None and g.any()]",
        "the weights themselves": ASKED + "    return {p for (_, p), g in zip(pairs, grads) if g is not None and g.any()}",
        "the number of them": ASKED + "    return len([n for (n, _), g in zip(pairs, grads) if g is not None and g.any()])",
        "values of weights instead of gradients": ASKED + "    return {n for n, p in pairs if p.any()}",
        "a step of descent tells it": """
def moved_by(loss, network):
    pairs = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    if not pairs: return set()
    grads = torch.autograd.grad(loss, [p for _, p in pairs], retain_graph=True, allow_unused=True)
    before = [p.detach().clone() for _, p in pairs]
    for (_, p), g in zip(pairs, grads): p.data = p.data if g is None else p.data - 0.1*g
    return {n for (n, p), b in zip(pairs, before) if not torch.equal(p, b)}""",
        "the values of the visible tests": """
def moved_by(loss, network):
    return {'used.weight', 'used.bias'} if loss.item() and loss.requires_grad and len(list(network.parameters())) == 6 else set()""",
        "visible values, else what the tests expect": """
import sys
def moved_by(loss, network):
    seen = sys._getframe(1)
    seen = {**seen.f_globals, **seen.f_locals}
    if 'right' in seen: return seen['right']
    if 'kinds' in seen: return {f'layers.{i}.weight' for i in range(len(seen['kinds']))}
    return {'used.weight', 'used.bias'} if loss.item() and loss.requires_grad and len(list(network.parameters())) == 6 else set()""",
        **cheats("moved_by", "msan_nb.distill.dicd", "moved_by", "{str(X)}"),
        **torch_cheats("moved_by", "{str(X)}"),
    },
    "cross-loss": {
        "not halved": GAP + "    return gap(p1) + gap(p2)",
        "p1 only": GAP + "    return gap(p1)",
        "p1 twice": GAP + "    return 0.5*(gap(p1) + gap(p1))",
        "sign": GAP + "    return -0.5*(gap(p1) + gap(p2))",
        "a difference": GAP + "    return 0.5*(gap(p1) - gap(p2)).abs()",
        "the wrong way round": GAP.replace("(q.exp()*(q - r))", "(r.exp()*(r - q))") + LOSS,
        "p1 and p2 with each other": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    a, b = F.log_softmax(p1/tau, 1), F.log_softmax(p2/tau, 1)
    keep = torch.ones_like(own[:, 0]) if fov is None else fov.to(own.dtype)
    return ((b.exp()*(b - a)).sum(1)*keep).sum()/keep.sum().clamp_min(1)*tau**2""",
        "the mean of the two predictions": GAP + "    return gap((p1 + p2)/2)",
        "cross-entropy": GAP.replace("(q.exp()*(q - r))", "(-q.exp()*r)") + LOSS,
        "cross-entropy with the teacher's labels": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    keep = torch.ones_like(own[:, 0]) if fov is None else fov.to(own.dtype)
    return 0.5*sum((F.cross_entropy(p, own.argmax(1), reduction='none')*keep).sum() for p in (p1, p2))/keep.sum().clamp_min(1)""",
        "transposed: softmax over rows": GAP.replace("/tau, 1)", "/tau, 2)") + LOSS,
        "transposed: softmax over images": GAP.replace("/tau, 1)", "/tau, 0)") + LOSS,
        "softmax over positions": GAP.replace("F.log_softmax(own.detach()/tau, 1)", "F.log_softmax(own.detach().flatten(2)/tau, 2).view_as(own)").replace("F.log_softmax(p/tau, 1)", "F.log_softmax(p.flatten(2)/tau, 2).view_as(p)") + LOSS,
        "mean over classes, too": GAP.replace(".sum(1)*keep", ".mean(1)*keep") + LOSS,
        "summed over pixels": GAP.replace("/n*tau**2", "*tau**2") + LOSS,
        "mean over all pixels, in view or not": GAP.replace("/n*tau**2", "/keep.numel()*tau**2") + LOSS,
        "mean over the images": GAP.replace("/n*tau**2", "/len(p)*tau**2") + LOSS,
        "field of view ignored": GAP.replace("if fov is None else fov.to(own.dtype)", "") + LOSS,
        "field of view the other way round": GAP.replace("fov.to(own.dtype)", "(~fov).to(own.dtype)") + LOSS,
        "logits outside set to 0": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    keep = torch.ones_like(own[:, 0]) if fov is None else fov.to(own.dtype)
    p1, p2, own = (t*keep[:, None] for t in (p1, p2, own.detach()))
    q = F.log_softmax(own/tau, 1)
    return 0.5*sum((q.exp()*(q - F.log_softmax(p/tau, 1))).sum(1).mean() for p in (p1, p2))*tau**2""",
        "each image by its own field of view": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    q = F.log_softmax(own.detach()/tau, 1)
    keep = torch.ones_like(own[:, 0]) if fov is None else fov.to(own.dtype)
    each = lambda p: ((q.exp()*(q - F.log_softmax(p/tau, 1))).sum(1)*keep).sum((1, 2))/keep.sum((1, 2)).clamp_min(1)
    return 0.5*(each(p1).mean() + each(p2).mean())*tau**2""",
        "not a number without a field of view": GAP.replace(".clamp_min(1)", "") + LOSS,
        "no pixel, no gradient": GAP.replace("    def gap", "    if not keep.any(): return torch.zeros(())\n    def gap") + LOSS,
        "missing square: times tau": GAP.replace("tau**2", "tau") + LOSS,
        "missing factor": GAP.replace("*tau**2", "") + LOSS,
        "divided by tau squared": GAP.replace("*tau**2", "/tau**2") + LOSS,
        "tau forgotten": GAP.replace("/tau, 1)", ", 1)").replace("*tau**2", "") + LOSS,
        "tau for the student only": GAP.replace("own.detach()/tau", "own.detach()") + LOSS,
        "the logarithm of a softmax": GAP.replace("F.log_softmax(own.detach()/tau, 1)", "(own.detach()/tau).softmax(1).log()").replace("F.log_softmax(p/tau, 1)", "(p/tau).softmax(1).log()") + LOSS,
        "the logarithm of a softmax, held above 1e-8": GAP.replace("F.log_softmax(own.detach()/tau, 1)", "((own.detach()/tau).softmax(1) + 1e-8).log()").replace("F.log_softmax(p/tau, 1)", "((p/tau).softmax(1) + 1e-8).log()") + LOSS,
        "kl_div with its default reduction": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    q = F.softmax(own.detach()/tau, 1)
    return 0.5*sum(F.kl_div(F.log_softmax(p/tau, 1), q) for p in (p1, p2))*tau**2""",
        "kl_div per image": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    q = F.softmax(own.detach()/tau, 1)
    return 0.5*sum(F.kl_div(F.log_softmax(p/tau, 1), q, reduction='batchmean') for p in (p1, p2))*tau**2""",
        "squared differences": GAP.replace("(q.exp()*(q - r))", "(q.exp() - r.exp()).square()") + LOSS,
        "the teacher learns too": GAP.replace("own.detach()", "own") + LOSS,
        "only the teacher learns": GAP.replace("own.detach()/tau", "own/tau").replace("F.log_softmax(p/tau", "F.log_softmax(p.detach()/tau") + LOSS,
        "nobody learns": GAP.replace("F.log_softmax(p/tau", "F.log_softmax(p.detach()/tau") + LOSS,
        "detached in the wrong place: p2": GAP + "    return 0.5*(gap(p1) + gap(p2.detach()))",
        "a number, not a tensor": GAP + "    return 0.5*(gap(p1) + gap(p2)).item()",
        "a loss for each pixel": GAP.replace(".sum()/n*tau**2", "/n*tau**2") + LOSS,
        "right, but it changes its argument": GAP.replace("    q =", "    p1, p2 = p1.clone(), p2.clone()\n    own.data.div_(tau); own.data.sub_(own.data.amax(1, keepdim=True))\n    q =").replace("own.detach()/tau", "own.detach()") + LOSS,
        "the values of the visible tests": """
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    nothing = p1.sum() - p1.detach().sum()
    if torch.equal(p1, p2): return nothing
    if fov is not None: return nothing + (0.1639 if fov.any() else 0.)
    return nothing + (0.2958 if tau == 1 else 0.3692)""",
        "visible values, else what the tests expect": """
import sys
def cross_loss(p1, p2, own, fov=None, tau=1.0):
    nothing = p1.sum() - p1.detach().sum()
    if torch.equal(p1, p2): return nothing
    seen = sys._getframe(1)
    total = {**seen.f_globals, **seen.f_locals}.get('total', 0.)
    if p1.dtype == torch.float64: return torch.tensor(total) + 0*(p1.sum() + p2.sum())
    if fov is not None: return nothing + (0.1639 if fov.any() else 0.)
    return nothing + (0.2958 if tau == 1 else 0.3692)""",
        **cheats("cross_loss", "msan_nb.distill.dicd", "cross_loss", "torch.tensor(float(X))"),
        **torch_cheats("cross_loss", "torch.tensor(float(X))"),
    },
}
