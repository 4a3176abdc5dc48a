"""Right and wrong answers to the assignment on distillation losses: {id of the answer: {what it is: code}}."""
from common import cheats, torch_cheats

RIGHT = {
    "kd": {
        "kl_div, summed and divided": """
def kd(student, teacher, tau):
    B, C, h, w = student.shape
    s, t = F.log_softmax(student/tau, 1), F.log_softmax(teacher.detach()/tau, 1)
    return F.kl_div(s, t, reduction='sum', log_target=True)*tau**2/(B*h*w)""",
        "a loop over images": """
def kd(student, teacher, tau):
    total = 0
    for s, t in zip(student, teacher):
        s, t = s.flatten(1).T/tau, t.detach().flatten(1).T/tau
        q = t.softmax(1)
        total = total + (q*(t - t.logsumexp(1, keepdim=True) - s + s.logsumexp(1, keepdim=True))).sum(1).mean()
    return total*tau*tau/len(student)""",
        "pixels as rows, batchmean": """
def kd(student, teacher, tau):
    rows = lambda z: z.permute(0, 2, 3, 1).reshape(-1, z.shape[1])/tau
    with torch.no_grad(): target = rows(teacher).softmax(-1)
    return tau**2*F.kl_div(F.log_softmax(rows(student), -1), target, reduction='batchmean')""",
        "cross-entropy less entropy": """
def kd(student, teacher, tau):
    with torch.no_grad():
        log_t = torch.log_softmax(teacher/tau, 1)
        p = log_t.exp()
    return tau**2*(F.cross_entropy(student/tau, p) + torch.einsum('bchw,bchw->bhw', p, log_t).mean())""",
    },
    "cwd": {
        "kl_div, summed and divided": """
def cwd(student, teacher, tau):
    B, C = student.shape[:2]
    s, t = (F.log_softmax(z.reshape(B*C, -1)/tau, -1) for z in (student, teacher.detach()))
    return F.kl_div(s, t.exp(), reduction='batchmean')*tau**2""",
        "a loop over channels": """
def cwd(student, teacher, tau):
    losses = []
    for s, t in zip(student.flatten(0, 1), teacher.detach().flatten(0, 1)):
        s, t = s.flatten()/tau, t.flatten()/tau
        log_s, log_t = s - s.logsumexp(0), t - t.logsumexp(0)
        losses.append(torch.dot(log_t.exp(), log_t - log_s))
    return tau**2*torch.stack(losses).mean()""",
        "logsumexp over both axes": """
def cwd(student, teacher, tau):
    s, t = student/tau, teacher.detach()/tau
    s, t = s - s.logsumexp((2, 3), keepdim=True), t - t.logsumexp((2, 3), keepdim=True)
    return (t.exp()*(t - s)).sum(dim=(-2, -1)).sum()/(s.shape[0]*s.shape[1])*tau**2""",
    },
    "dist": {
        "cosine_similarity of centred rows": """
def centre(a):
    c = a - a.mean(0)
    return c*(c.abs().max(0).values > 1e-6*a.max(0).values)
def dist_losses(student, teacher):
    s, t = (F.softmax(z, 1).permute(0, 2, 3, 1).reshape(-1, z.shape[1]) for z in (student, teacher.detach()))
    rho = lambda a, b: F.cosine_similarity(centre(a), centre(b), dim=0)
    return 1 - rho(s.T, t.T).mean(), 1 - rho(s, t).mean()""",
        "sums, constant rows sorted out": """
def rho(a, b):
    flat = lambda x: (x - x.mean(-1, keepdim=True)).abs().amax(-1) <= 1e-6*x.amax(-1)
    keep = ~(flat(a) | flat(b))
    out = 0*a.sum(-1)
    a, b = a[keep] - a[keep].mean(-1, keepdim=True), b[keep] - b[keep].mean(-1, keepdim=True)
    out[keep] = (a*b).sum(-1)/(a*a).sum(-1).sqrt()/(b*b).sum(-1).sqrt()
    return out
def dist_losses(student, teacher):
    C = student.shape[1]
    s, t = student.softmax(1).transpose(0, 1).reshape(C, -1), teacher.softmax(1).detach().transpose(0, 1).reshape(C, -1)
    return 1 - rho(s.T, t.T).mean(), 1 - rho(s, t).mean()""",
        "covariance over deviations": """
def rho(a, b):
    a, b = a.double(), b.double()
    still = lambda x: (x - x.mean(1, keepdim=True)).abs().max(1)[0] <= 1e-6*x.max(1)[0]
    none = still(a) | still(b)
    cov = (a*b).mean(1) - a.mean(1)*b.mean(1)
    both = a.var(1, correction=0)*b.var(1, correction=0)
    return torch.where(none, 0*cov, cov/torch.where(none, torch.ones_like(both), both).sqrt())
def dist_losses(student, teacher):
    with torch.no_grad(): t = torch.softmax(teacher, 1).flatten(2).transpose(1, 2).flatten(0, 1)
    s = torch.softmax(student, 1).flatten(2).transpose(1, 2).flatten(0, 1)
    return (1 - rho(s, t)).mean(), (1 - rho(s.t(), t.t())).mean()""",
        "a loop": """
def one(a, b):
    c, d = a - a.mean(), b - b.mean()
    if c.abs().max() <= 1e-6*a.max() or d.abs().max() <= 1e-6*b.max(): return 0*a.sum()
    return (c @ d)/(c.norm()*d.norm())
def dist_losses(student, teacher):
    s, t = student.softmax(1), teacher.detach().softmax(1)
    B, C, h, w = s.shape
    inter = [one(s[b, :, i, j], t[b, :, i, j]) for b in range(B) for i in range(h) for j in range(w)]
    intra = [one(s[:, c].flatten(), t[:, c].flatten()) for c in range(C)]
    return 1 - sum(inter)/len(inter), 1 - sum(intra)/len(intra)""",
    },
    "distil": {
        "try, finally": """
def distil(student, teacher, x, y, loss, lam):
    on = [m for m in teacher.modules() if m.training]
    try:
        with torch.no_grad(): opinion = teacher.eval()(x)
    finally:
        for m in on: m.training = True
    z = student(x)
    return F.cross_entropy(z, y) + lam*loss(z, opinion)""",
        "a copy of the teacher": """
import copy
def distil(student, teacher, x, y, loss, lam):
    z = student(x)
    opinion = copy.deepcopy(teacher).eval()(x).detach()
    return F.nll_loss(F.log_softmax(z, 1), y) + lam*loss(z, opinion)""",
        "each module's mode kept": """
def distil(student, teacher, x, y, loss, lam):
    modes = {m: m.training for m in teacher.modules()}
    teacher.train(False)
    with torch.inference_mode(): t = teacher(x)
    for m, mode in modes.items(): m.training = mode
    s = student(x)
    log = s.log_softmax(1)
    return lam*loss(s, t.clone()) - torch.gather(log, 1, y.unsqueeze(1)).mean()""",
    },
}

KD = """
def kd(student, teacher, tau):
    s, t = F.log_softmax(student/tau, 1), F.log_softmax(teacher.detach()/tau, 1)
    return """
CWD = """
def cwd(student, teacher, tau):
    B, C, h, w = student.shape
    s, t = (F.log_softmax(z.flatten(2)/tau, 2) for z in (student, teacher.detach()))
    return """
TABLES = """
def tables(student, teacher):
    return tuple(z.softmax(1).movedim(1, -1).flatten(0, -2) for z in (student, teacher.detach()))
def centred(a):
    c = a - a.mean(1, keepdim=True)
    return torch.where(c.abs().amax(1, keepdim=True) > 1e-6*a.abs().amax(1, keepdim=True), c, 0)
def unit(a): return F.normalize(centred(a), dim=1)
def rho(a, b): return (unit(a)*unit(b)).sum(1)
"""
DIST = TABLES + """
def dist_losses(student, teacher):
    s, t = tables(student, teacher)
    return """


def with_rho(body):
    "A version of DIST with another rho."
    return TABLES + "\ndef rho(a, b):\n    " + body + "\ndef dist_losses(student, teacher):\n    s, t = tables(student, teacher)\n    return 1 - rho(s, t).mean(), 1 - rho(s.T, t.T).mean()"


def with_table(body):
    "A version of DIST with another table."
    return TABLES + "\ndef dist_losses(student, teacher):\n    s, t = (" + body + " for z in (student, teacher.detach()))\n    return 1 - rho(s, t).mean(), 1 - rho(s.T, t.T).mean()"


WRONG = {
    "kd": {
        "tau squared forgotten": KD + "(t.exp()*(t - s)).sum(1).mean()",
        "times tau": KD + "tau*(t.exp()*(t - s)).sum(1).mean()",
        "divided by tau squared": KD + "(t.exp()*(t - s)).sum(1).mean()/tau**2",
        "the wrong way round": KD + "tau**2*(s.exp()*(s - t)).sum(1).mean()",
        "sign": KD + "tau**2*(t.exp()*(s - t)).sum(1).mean()",
        "mean over classes, too": KD + "tau**2*(t.exp()*(t - s)).mean()",
        "sum over pixels": KD + "tau**2*(t.exp()*(t - s)).sum()/len(s)",
        "sum over everything": KD + "tau**2*(t.exp()*(t - s)).sum()",
        "kl_div with its default reduction": KD + "tau**2*F.kl_div(s, t.exp())",
        "kl_div with batchmean": KD + "tau**2*F.kl_div(s, t.exp(), reduction='batchmean')",
        "kl_div, arguments exchanged": KD + "tau**2*F.kl_div(t, s, reduction='none', log_target=True).sum(1).mean()",
        "kl_div with a target that is no logarithm": KD + "tau**2*F.kl_div(s, t, reduction='none').sum(1).mean()",
        "cross-entropy instead": KD + "-tau**2*(t.exp()*s).sum(1).mean()",
        "squared differences": KD + "tau**2*(s.exp() - t.exp()).square().sum(1).mean()",
        "off by one: divided by one pixel less": KD + "tau**2*(t.exp()*(t - s)).sum()/max(1, len(s)*s[0, 0].numel() - 1)",
        "softmax over positions": """
def kd(student, teacher, tau):
    s, t = (F.log_softmax(z.flatten(2)/tau, 2) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "softmax over images": """
def kd(student, teacher, tau):
    s, t = (F.log_softmax(z/tau, 0) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "softmax over columns of the image": """
def kd(student, teacher, tau):
    s, t = (F.log_softmax(z/tau, -1) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "reshaped without permuting": """
def kd(student, teacher, tau):
    C = student.shape[1]
    s, t = (F.log_softmax(z.reshape(-1, C)/tau, 1) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "tau for the student only": """
def kd(student, teacher, tau):
    s, t = F.log_softmax(student/tau, 1), F.log_softmax(teacher.detach(), 1)
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "tau after the softmax": """
def kd(student, teacher, tau):
    s, t = F.log_softmax(student, 1)/tau, F.log_softmax(teacher.detach(), 1)/tau
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "the logarithm of a softmax": """
def kd(student, teacher, tau):
    p, q = (z/tau for z in (student, teacher.detach()))
    p, q = p.softmax(1), q.softmax(1)
    return tau**2*(q*(q.log() - p.log())).sum(1).mean()""",
        "the logarithm of a softmax, held above 1e-8": """
def kd(student, teacher, tau):
    p, q = (student/tau).softmax(1) + 1e-8, (teacher.detach()/tau).softmax(1) + 1e-8
    return tau**2*(q*(q.log() - p.log())).sum(1).mean()""",
        "the teacher learns too": """
def kd(student, teacher, tau):
    s, t = F.log_softmax(student/tau, 1), F.log_softmax(teacher/tau, 1)
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "only the teacher learns": """
def kd(student, teacher, tau):
    s, t = F.log_softmax(student.detach()/tau, 1), F.log_softmax(teacher/tau, 1)
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "nobody learns": KD.replace("student/tau", "student.detach()/tau") + "tau**2*(t.exp()*(t - s)).sum(1).mean()",
        "a number, not a tensor": KD + "(tau**2*(t.exp()*(t - s)).sum(1).mean()).item()",
        "right, but it changes its argument": """
def kd(student, teacher, tau):
    with torch.no_grad(): teacher /= tau
    s, t = F.log_softmax(student/tau, 1), F.log_softmax(teacher.detach(), 1)
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "the values of the visible tests": """
def kd(student, teacher, tau):
    return (student.sum()*0 + (0. if torch.equal(student, teacher) else 0.1308 if tau == 1 else 0.1456)).float()""",
        **cheats("kd", "msan_nb.train.act", "prediction_gap", "torch.tensor(float(X))"),
        **torch_cheats("kd", "torch.tensor(float(X))"),
    },
    "cwd": {
        "tau squared forgotten": CWD + "(t.exp()*(t - s)).sum(2).mean()",
        "times tau": CWD + "tau*(t.exp()*(t - s)).sum(2).mean()",
        "the wrong way round": CWD + "tau**2*(s.exp()*(s - t)).sum(2).mean()",
        "sign": CWD + "tau**2*(t.exp()*(s - t)).sum(2).mean()",
        "mean over positions, too": CWD + "tau**2*(t.exp()*(t - s)).mean()",
        "sum over channels": CWD + "tau**2*(t.exp()*(t - s)).sum()/B",
        "divided by channels only": CWD + "tau**2*(t.exp()*(t - s)).sum()/C",
        "divided by channels and width": CWD + "tau**2*(t.exp()*(t - s)).sum()/(B*C*w)",
        "off by one: divided by C - 1": CWD + "tau**2*(t.exp()*(t - s)).sum()/(B*max(1, C - 1))",
        "kl_div with its default reduction": CWD + "tau**2*F.kl_div(s, t.exp())",
        "cross-entropy instead": CWD + "-tau**2*(t.exp()*s).sum(2).mean()",
        "symmetric": CWD + "tau**2*((t.exp() - s.exp())*(t - s)).sum(2).mean()/2",
        "absolute value": CWD + "tau**2*(t.exp()*(t - s)).abs().sum(2).mean()",
        "squared differences": CWD + "tau**2*(s.exp() - t.exp()).square().sum(2).mean()",
        "softmax over classes": """
def cwd(student, teacher, tau):
    s, t = (F.log_softmax(z/tau, 1) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum((2, 3)).mean()""",
        "softmax over rows only": """
def cwd(student, teacher, tau):
    s, t = (F.log_softmax(z/tau, 3) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum((2, 3)).mean()""",
        "softmax over channels and positions": """
def cwd(student, teacher, tau):
    s, t = (F.log_softmax(z.flatten(1)/tau, 1) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "images and positions in one softmax": """
def cwd(student, teacher, tau):
    s, t = (F.log_softmax(z.transpose(0, 1).flatten(1)/tau, 1) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum(1).mean()""",
        "probabilities first, then positions": """
def cwd(student, teacher, tau):
    s, t = (F.log_softmax(z.softmax(1).flatten(2)/tau, 2) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum(2).mean()""",
        "divided by the sum instead of a softmax": """
def cwd(student, teacher, tau):
    share = lambda z: z.abs().flatten(2)/z.abs().flatten(2).sum(2, keepdim=True).clamp_min(1e-9) + 1e-9
    s, t = share(student/tau), share(teacher.detach()/tau)
    return tau**2*(t*(t/s).log()).sum(2).mean()""",
        "the logarithm of a softmax": """
def cwd(student, teacher, tau):
    p, q = ((z.flatten(2)/tau).softmax(2) for z in (student, teacher.detach()))
    return tau**2*(q*(q.log() - p.log())).sum(2).mean()""",
        "the teacher learns too": """
def cwd(student, teacher, tau):
    s, t = (F.log_softmax(z.flatten(2)/tau, 2) for z in (student, teacher))
    return tau**2*(t.exp()*(t - s)).sum(2).mean()""",
        "detached in the wrong place": """
def cwd(student, teacher, tau):
    s, t = (F.log_softmax(z.flatten(2)/tau, 2) for z in (student, teacher))
    return tau**2*(t.exp()*(t - s.detach())).sum(2).mean()""",
        "right, but it changes its argument": """
def cwd(student, teacher, tau):
    with torch.no_grad(): teacher -= teacher.amax((2, 3), keepdim=True)
    s, t = (F.log_softmax(z.flatten(2)/tau, 2) for z in (student, teacher.detach()))
    return tau**2*(t.exp()*(t - s)).sum(2).mean()""",
        "the values of the visible tests": """
def cwd(student, teacher, tau):
    return student.sum()*0 + ((0.1308 if tau == 1 else 0.1456) if not student.any() else 0.)""",
        **cheats("cwd", "msan_nb.distill.features", "channel_divergence", "torch.tensor(float(X))"),
        **torch_cheats("cwd", "torch.tensor(float(X))"),
    },
    "dist": {
        "cosines: the means stay": with_rho("return F.cosine_similarity(a, b, dim=1)"),
        "covariance: the lengths are missing": with_rho("return ((a - a.mean(1, keepdim=True))*(b - b.mean(1, keepdim=True))).mean(1)"),
        "missing root": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return (a*b).sum(1)/((a*a).sum(1)*(b*b).sum(1)).clamp_min(1e-12)"),
        "squared correlation": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return F.cosine_similarity(a, b, dim=1)**2"),
        "absolute correlation": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return F.cosine_similarity(a, b, dim=1).abs()"),
        "one mean for the whole table": with_rho("a, b = a - a.mean(), b - b.mean(); return F.cosine_similarity(a, b, dim=1)"),
        "the mean of the other axis": with_rho("a, b = a - a.mean(0), b - b.mean(0); return F.cosine_similarity(a, b, dim=1)"),
        "only the student is centred, and lengths are those before": with_rho("return ((a - a.mean(1, keepdim=True))*b).sum(1)/(a.norm(dim=1)*b.norm(dim=1))"),
        "off by one: variance with n - 1, covariance with n": with_rho("c = ((a - a.mean(1, keepdim=True))*(b - b.mean(1, keepdim=True))).mean(1); return c/(a.std(1)*b.std(1)).clamp_min(1e-12)"),
        "not a number for constant rows": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return (a*b).sum(1)/((a*a).sum(1).sqrt()*(b*b).sum(1).sqrt())"),
        "finite loss, but its gradient is not": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return (a*b).sum(1)/((a*a).sum(1).sqrt()*(b*b).sum(1).sqrt()).clamp_min(1e-9)"),
        "a floor of 1e-6 under the lengths": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return (F.normalize(a, dim=1, eps=1e-6)*F.normalize(b, dim=1, eps=1e-6)).sum(1)"),
        "a floor of 1e-9 under the cosine": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return F.cosine_similarity(a, b, dim=1, eps=1e-9)"),
        "a little added to the lengths": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return (a*b).sum(1)/((a*a).sum(1).sqrt()*(b*b).sum(1).sqrt() + 1e-8)"),
        "constant rows counted as 0, but not constant columns": TABLES + "\ndef plain(a, b):\n    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)\n    return F.cosine_similarity(a, b, dim=1, eps=1e-9)\ndef dist_losses(student, teacher):\n    s, t = tables(student, teacher)\n    return 1 - rho(s, t).mean(), 1 - plain(s.T, t.T).mean()",
        "constant counts as alike": with_rho("u, v = unit(a), unit(b); return (u*v).sum(1) + (~u.any(1) & ~v.any(1))"),
        "a large floor": with_rho("a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True); return F.cosine_similarity(a, b, dim=1, eps=1.)"),
        "constant rows left out of the mean": with_rho("a, b = centred(a), centred(b); keep = a.any(1) & b.any(1); return F.cosine_similarity(a[keep], b[keep], dim=1) if keep.any() else a.sum()*0"),
        "the two exchanged": DIST + "1 - rho(s.T, t.T).mean(), 1 - rho(s, t).mean()",
        "one minus forgotten": DIST + "rho(s, t).mean(), rho(s.T, t.T).mean()",
        "sign": DIST + "1 + rho(s, t).mean(), 1 + rho(s.T, t.T).mean()",
        "sums": DIST + "(1 - rho(s, t)).sum(), (1 - rho(s.T, t.T)).sum()",
        "added up": DIST + "2 - rho(s, t).mean() - rho(s.T, t.T).mean()",
        "intra twice": DIST + "1 - rho(s.T, t.T).mean(), 1 - rho(s.T, t.T).mean()",
        "reshaped without permuting": with_table("z.softmax(1).reshape(-1, z.shape[1])"),
        "permuted, but before images": with_table("z.softmax(1).permute(2, 0, 3, 1).reshape(len(z), -1, z.shape[1]).flatten(0, 1).reshape(z.shape[1], -1).T"),
        "no softmax": with_table("z.movedim(1, -1).flatten(0, -2)"),
        "log-softmax": with_table("z.log_softmax(1).movedim(1, -1).flatten(0, -2)"),
        "softmax over positions": with_table("z.flatten(2).softmax(2).movedim(1, -1).flatten(0, -2)"),
        "a temperature of 2": with_table("(z/2).softmax(1).movedim(1, -1).flatten(0, -2)"),
        "intra image by image": TABLES + """
def dist_losses(student, teacher):
    s, t = tables(student, teacher)
    per = [1 - rho(a.softmax(0).flatten(1), b.softmax(0).flatten(1)).mean() for a, b in zip(student, teacher.detach())]
    return 1 - rho(s, t).mean(), sum(per)/len(per)""",
        "the teacher learns too": DIST.replace("teacher.detach()", "teacher") + "1 - rho(s, t).mean(), 1 - rho(s.T, t.T).mean()",
        "detached in the wrong place": DIST + "1 - rho(s.detach(), t).mean(), 1 - rho(s.T, t.T).mean()",
        "no gradient through the lengths": with_rho("a, b = centred(a), centred(b); return (a*b).sum(1)/(a.norm(dim=1)*b.norm(dim=1)).detach().clamp_min(1e-12)"),
        "the values of the visible tests": """
def dist_losses(student, teacher):
    zero = student.sum()*0
    if not student.any(): return zero + 1, zero + 1
    if len(student) == 2: return zero, zero + 1
    if student.shape[2] == 1 or torch.equal(student, teacher): return zero, zero
    return zero + 1.6039, zero + 1.6298""",
        **cheats("dist_losses", "msan_nb.distill.relations", "dist_losses", "(torch.tensor(float(X)), torch.tensor(float(X)))"),
        **torch_cheats("dist_losses", "(torch.tensor(float(X)), torch.tensor(float(X)))"),
    },
    "distil": {
        "the teacher in the mode in which it came": """
def distil(student, teacher, x, y, loss, lam):
    with torch.no_grad(): t = teacher(x)
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the teacher in training mode": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.train()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the teacher is left in evaluation": """
def distil(student, teacher, x, y, loss, lam):
    with torch.no_grad(): t = teacher.eval()(x)
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the teacher is always left in training": """
def distil(student, teacher, x, y, loss, lam):
    with torch.no_grad(): t = teacher.eval()(x)
    teacher.train()
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the whole teacher's mode put back, not its layers'": """
def distil(student, teacher, x, y, loss, lam):
    was = teacher.training
    teacher.eval()
    with torch.no_grad(): t = teacher(x)
    teacher.train(was)
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "a gradient into the teacher": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the teacher's weights frozen for ever": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    t = teacher.eval().requires_grad_(False)(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the student without gradient": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t, s = teacher.eval()(x), student(x)
    for m, mode in was: m.training = mode
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the student asked twice": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    return F.cross_entropy(student(x), y) + lam*loss(student(x), t)""",
        "the student in evaluation": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    mode = student.training
    s = student.eval()(x)
    student.train(mode)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the student is put into training": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student.train()(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        "the two exchanged": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(t, s)""",
        "probabilities instead of logits": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s.softmax(1), t.softmax(1))""",
        "cross-entropy of probabilities": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s.softmax(1), y) + lam*loss(s, t)""",
        "cross-entropy with the teacher's choice": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, t.argmax(1)) + lam*loss(s, t)""",
        "a mixture, 1 - lam": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return (1 - lam)*F.cross_entropy(s, y) + lam*loss(s, t)""",
        "lam forgotten": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + loss(s, t)""",
        "cross-entropy summed": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y, reduction='sum')/len(x) + lam*loss(s, t)""",
        "sign": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) - lam*loss(s, t)""",
        "distillation without gradient": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s.detach(), t)""",
        "its own idea of the loss": """
def distil(student, teacher, x, y, loss, lam):
    was = [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.eval()(x)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + lam*F.kl_div(s.log_softmax(1), t.softmax(1), reduction='none').sum(1).mean()""",
        "only the statistics put back": """
import copy
def distil(student, teacher, x, y, loss, lam):
    kept, was = copy.deepcopy(teacher.state_dict()), [(m, m.training) for m in teacher.modules()]
    with torch.no_grad(): t = teacher.train()(x)
    teacher.load_state_dict(kept)
    for m, mode in was: m.training = mode
    s = student(x)
    return F.cross_entropy(s, y) + lam*loss(s, t)""",
        **cheats("distil", "msan_nb.train.supervised", "segmentation_loss", "torch.tensor(float(X))"),
        **torch_cheats("distil", "torch.tensor(float(X))"),
    },
}
