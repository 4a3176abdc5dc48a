"""Right and wrong answers to the open assignment: {id of the answer: {what it is: code}}."""
from common import cheats, torch_cheats

RANDOM = """
def some(low, high, x, draw): return low + (high - low)*torch.rand(len(x), 1, 1, 1, generator=draw)
"""
LIGHT = RANDOM + """
def lit(x, draw):
    rows, cols, a = torch.linspace(-1, 1, x.shape[2])[:, None], torch.linspace(-1, 1, x.shape[3]), some(0, 6.2832, x, draw)
    return (x*some(0.4, 1.6, x, draw)*(1 + some(0, 0.4, x, draw)*(a.cos()*rows + a.sin()*cols))).clamp(0, 1)
"""
VIEWS = LIGHT + """
def other(x, draw):
    v = lit(x, draw).clamp_min(1e-3)**some(0.7, 1.4, x, draw)
    v = torch.lerp(v, F.avg_pool2d(F.pad(v, (1, 1, 1, 1), mode='replicate'), 3, 1), some(0, 1, x, draw))
    return (v + some(0, 0.04, x, draw)*torch.randn(x.shape, generator=draw)).clamp(0, 1)
"""
LESSON = VIEWS + """
def lesson(net, teacher, x, y, draw):
    """

RIGHT = {
    "view": {
        "light, gamma, blur, noise": VIEWS + "view = other",
        "image by image": """
def view(x, draw):
    out = []
    for image in x:
        gain, gamma, noise = (torch.rand(3, generator=draw)*torch.tensor([1.2, 0.8, 0.05]) + torch.tensor([0.4, 0.6, 0.])).tolist()
        changed = (image*gain).clamp(0, 1)**gamma
        out.append((changed + noise*torch.randn(image.shape, generator=draw)).clamp(0, 1))
    return torch.stack(out)""",
        "brightness and contrast around the mean": """
def view(x, draw):
    r = torch.rand(3, len(x), 1, 1, 1, generator=draw)
    m = x.mean((2, 3), keepdim=True)
    return torch.clamp(m*(0.5 + r[0]) + (x - m)*(0.6 + 0.8*r[1]) + 0.1*(r[2] - 0.5), 0, 1)""",
        "a rising curve by table": """
def view(x, draw):
    steps = torch.rand(len(x), 8, generator=draw) + 0.2
    table = torch.cat([torch.zeros(len(x), 1), steps.cumsum(1)], 1)
    table = table/table[:, -1:]*(0.4 + 0.6*torch.rand(len(x), 1, generator=draw))
    at = (x.flatten(1)*8).clamp(0, 7.999)
    low = at.long()
    curve = torch.lerp(table.gather(1, low), table.gather(1, low + 1), at - low)
    return curve.view_as(x).clamp(0, 1)""",
    },
    "gain": {
        "loops": """
def gain(ours, theirs, site):
    groups = {}
    for a, b, s in zip(ours.tolist(), theirs.tolist(), site.tolist()): groups.setdefault(s, []).append(a - b)
    means = [sum(g)/len(g) for g in groups.values()]
    k, mean = len(means), sum(means)/len(means)
    return mean, (sum((m - mean)**2 for m in means)/(k*(k - 1)))**0.5""",
        "numpy": """
import numpy as np
def gain(ours, theirs, site):
    d, site = (ours - theirs).numpy(), site.numpy()
    means = np.array([d[site == s].mean() for s in np.unique(site)])
    return means.mean(), means.std(ddof=1)/np.sqrt(len(means))""",
        "scatter": """
def gain(ours, theirs, site):
    _, which = torch.unique(site, return_inverse=True)
    count = torch.bincount(which).double()
    means = torch.bincount(which, weights=(ours - theirs).double())/count
    k = len(means)
    return means.mean(), ((means - means.mean())**2).sum().div(k*(k - 1)).sqrt()""",
        "statistics": """
import statistics
def gain(ours, theirs, site):
    means = [statistics.fmean((ours[site == s] - theirs[site == s]).tolist()) for s in set(site.tolist())]
    return statistics.fmean(means), statistics.stdev(means)/math.sqrt(len(means))""",
    },
    "lesson": {
        "image and view": LESSON + "return F.cross_entropy(net(torch.cat([x, other(x, draw)])), torch.cat([y, y]))",
        "three views, one by one": LESSON + "return sum(F.cross_entropy(net(v), y) for v in (x, *[other(x, draw) for _ in range(3)]))/4",
        "light alone": LESSON + "return (F.cross_entropy(net(x), y) + F.cross_entropy(net(lit(x, draw)), y))/2",
        "the teacher's word on the clear image": LESSON + """z = net(torch.cat([x, other(x, draw)]))
    with torch.no_grad(): said = teacher(x).softmax(1).repeat(2, 1, 1, 1)
    return F.cross_entropy(z, torch.cat([y, y])) + F.kl_div(z.log_softmax(1), said, reduction='none').sum(1).mean()""",
        "views, and agreement between them": LESSON + """z = net(torch.cat([x, other(x, draw), other(x, draw)]))
    p = z.softmax(1)[:, 1].unflatten(0, (3, len(x)))
    return F.cross_entropy(z, y.repeat(3, 1, 1)) + 0.1*p.var(0).mean()""",
        "views that are flipped with their masks": LESSON + "v = other(x, draw); return F.cross_entropy(net(torch.cat([x, v.flip(3)])), torch.cat([y, y.flip(2)]))",
        "an average of its own past as a second teacher": VIEWS + """
past = {}
def lesson(net, teacher, x, y, draw):
    if not past: past['net'] = copy.deepcopy(teacher)
    with torch.no_grad():
        for a, b in zip(past['net'].parameters(), net.parameters()): a.lerp_(b.detach(), 0.05)
        said = past['net'](x).softmax(1)
    z = net(torch.cat([x, other(x, draw)]))
    return F.cross_entropy(z, torch.cat([y, y])) + 0.3*F.kl_div(z[len(x):].log_softmax(1), said, reduction='none').sum(1).mean()""",
    },
}

# Lessons that close a part of the gap: about 0.38 of it (0.31 to 0.45 in fifteen draws) and 0.35 (0.25 to 0.44 in fourteen), between the lines of the two tests, 0.25 and 0.5. All of RIGHT close 0.63 to 0.83 (21 draws).
PARTLY = {
    "lesson": {
        "brightness in a narrow range": (RANDOM + """
def lesson(net, teacher, x, y, draw): return F.cross_entropy(net(torch.cat([x, (x*some(0.76, 1.28, x, draw)).clamp(0, 1)])), torch.cat([y, y]))""", ("test-lesson",)),
        "gamma in a narrow range": (RANDOM + """
def lesson(net, teacher, x, y, draw): return F.cross_entropy(net(torch.cat([x, x.clamp_min(1e-3)**some(0.72, 1.35, x, draw)])), torch.cat([y, y]))""", ("test-lesson",)),
    },
}

VIEW = VIEWS + """
def view(x, draw):
    """
GAIN = """
def gain(ours, theirs, site):
    d = ours - theirs
    D = torch.stack([d[site == s].mean() for s in site.unique()])
    k = len(D)
    return """

WRONG = {
    "view": {
        "nothing": VIEW + "return x.clone()",
        "the image itself": VIEW + "return x",
        "flipped now and then": VIEW + "v = other(x, draw); return torch.where(torch.rand(len(x), 1, 1, 1, generator=draw) < 0.5, v, v.flip(3))",
        "shifted by one pixel": VIEW + "return other(x, draw).roll(1, 2)",
        "off by one: shifted by what padding adds": VIEW + "v = other(x, draw); return F.pad(v, (1, 0, 1, 0), mode='replicate')[..., :x.shape[2], :x.shape[3]]",
        "turned by a quarter now and then": VIEW + "v = other(x, draw); return torch.where(torch.rand(len(x), 1, 1, 1, generator=draw) < 0.3, v.mT, v) if x.shape[2] == x.shape[3] else v",
        "negatives now and then": VIEW + "v = other(x, draw); return torch.where(torch.rand(len(x), 1, 1, 1, generator=draw) < 0.3, 1 - v, v)",
        "not clamped": VIEW + "return x*some(0.4, 1.8, x, draw) + 0.05*torch.randn(x.shape, generator=draw)",
        "standardised": VIEW + "v = other(x, draw); return (v - v.mean((1, 2, 3), keepdim=True))/v.std((1, 2, 3), keepdim=True).clamp_min(1e-6)",
        "stretched to [0, 1]: the brightness is gone": VIEW + "v = other(x, draw); low, high = v.amin((1, 2, 3), keepdim=True), v.amax((1, 2, 3), keepdim=True); return ((v - low)/(high - low).clamp_min(1e-6))",
        "one change for the whole batch": VIEW + "return (x*(0.4 + 1.2*torch.rand((), generator=draw))).clamp(0, 1)",
        "the same change at every call": VIEW + "return other(x, torch.Generator().manual_seed(0))",
        "torch's common stream": VIEW + "return (x*(0.4 + 1.2*torch.rand(len(x), 1, 1, 1)) + 0.01*torch.randn(x.shape)).clamp(0, 1)",
        "noise from the common stream": VIEW + "return (lit(x, draw) + 0.04*torch.randn_like(x)).clamp(0, 1)",
        "the common stream, seeded from the generator": VIEW + "torch.manual_seed(int(torch.randint(10**6, (), generator=draw))); return (x*(0.4 + 1.2*torch.rand(len(x), 1, 1, 1))).clamp(0, 1)",
        "too weak": VIEW + "return (x*some(0.95, 1.05, x, draw) + 0.01*torch.randn(x.shape, generator=draw)).clamp(0, 1)",
        "noise alone": VIEW + "return (x + some(0, 0.1, x, draw)*torch.randn(x.shape, generator=draw)).clamp(0, 1)",
        "buried in noise": VIEW + "return (lit(x, draw) + 2*torch.randn(x.shape, generator=draw)).clamp(0, 1)",
        "nothing but its mean": VIEW + "return other(x.mean((1, 2, 3), keepdim=True).expand_as(x), draw)",
        "nearly all black": VIEW + "return (x*some(-1.5, 0.3, x, draw)).clamp(0, 1)",
        "another type": VIEW + "return other(x, draw).double()",
        "another shape": VIEW + "return torch.stack([x, other(x, draw)])",
        "changes its argument": VIEW + "x.mul_(some(0.4, 1.6, x, draw)).clamp_(0, 1); return x.clone()",
        "not a number for black": VIEW + "return (lit(x, draw).log()*some(0.7, 1.4, x, draw)).exp()/lit(x, draw).amax((1, 2, 3), keepdim=True) * some(0.4, 1., x, draw)",
        **cheats("view", "msan_nb.data.views", "one_view", "torch.full((6, 1, 48, 48), float(X))"),
        **torch_cheats("view", "torch.full((6, 1, 48, 48), float(X))"),
    },
    "gain": {
        "all images alike": """
def gain(ours, theirs, site):
    d = ours - theirs
    return d.mean(), d.std()/math.sqrt(len(d))""",
        "mean over images, error over scanners": GAIN + "d.mean(), D.std()/k**0.5",
        "error over images": GAIN + "D.mean(), d.std()/len(d)**0.5",
        "error over the square root of the images": GAIN + "D.mean(), D.std()/len(d)**0.5",
        "divided by k, not k - 1": GAIN + "D.mean(), D.std(correction=0)/k**0.5",
        "standard deviation": GAIN + "D.mean(), D.std()",
        "missing root: the variance": GAIN + "D.mean(), D.var()/k",
        "divided by k": GAIN + "D.mean(), D.std()/k",
        "off by one: root of k - 1": GAIN + "D.mean(), D.std()/(k - 1)**0.5",
        "sign": GAIN + "-D.mean(), D.std()/k**0.5",
        "absolute differences": GAIN.replace("ours - theirs", "(ours - theirs).abs()") + "D.mean(), D.std()/k**0.5",
        "squared differences": GAIN.replace("ours - theirs", "(ours - theirs)**2") + "D.mean(), D.std()/k**0.5",
        "relative": GAIN.replace("ours - theirs", "(ours - theirs)/theirs") + "D.mean(), D.std()/k**0.5",
        "the two exchanged": GAIN + "D.std()/k**0.5, D.mean()",
        "unpaired": """
def gain(ours, theirs, site):
    a, b = (torch.stack([z[site == s].mean() for s in site.unique()]) for z in (ours, theirs))
    return a.mean() - b.mean(), ((a.var() + b.var())/len(a)).sqrt()""",
        "scanners in one run only": """
def gain(ours, theirs, site):
    _, counts = torch.unique_consecutive(site, return_counts=True)
    D = torch.stack([d.mean() for d in (ours - theirs).split(counts.tolist())])
    return D.mean(), D.std()/len(D)**0.5 if len(D) > 1 else 0.""",
        "scanners must be 0, 1, 2 …": """
def gain(ours, theirs, site):
    D = [(ours - theirs)[site == s].mean() for s in range(int(site.max()) + 1) if (site == s).any()]
    D = torch.stack(D) if len(D) > 1 else torch.zeros(2)
    return D.mean(), D.std()/len(D)**0.5""",
        "medians of scanners": GAIN + "D.median(), D.std()/k**0.5",
        "changes its argument": """
def gain(ours, theirs, site):
    ours -= theirs
    D = torch.stack([ours[site == s].mean() for s in site.unique()])
    return D.mean(), D.std()/len(D)**0.5""",
        "the values of the visible tests": "def gain(ours, theirs, site): return 0.2, 0.1",
        **cheats("gain", "msan_nb.metrics.significance", "paired_test", "(float(X), float(X))"),
        **torch_cheats("gain", "(float(X), float(X))"),
    },
    "lesson": {
        "the baseline": LESSON + "return F.cross_entropy(net(x), y)",
        "labelled images of the neighbour": LESSON + "u, t = neighbour(16, draw); return F.cross_entropy(net(torch.cat([x, u])), torch.cat([y, t]))",
        "the neighbour under another name": VIEWS + """
elsewhere = neighbour
def lesson(net, teacher, x, y, draw):
    u, t = elsewhere(16, draw)
    return F.cross_entropy(net(torch.cat([x, u])), torch.cat([y, t]))""",
        "new scenes under many scanners": LESSON + """light, t = scenes(24, draw)
    low, high = torch.tensor([0.4, 0, 0.7, 0, 0]), torch.tensor([1.5, 0.4, 1.4, 1, 0.04])
    settings = low[:, None] + (high - low)[:, None]*torch.rand(5, 24, generator=draw)
    return F.cross_entropy(net(torch.cat([x, scanner(light, *settings, draw)])), torch.cat([y, t]))""",
        "the batch through the scanner": LESSON + """low, high = torch.tensor([0.4, 0, 0.7, 0, 0]), torch.tensor([1.5, 0.4, 1.4, 1, 0.04])
    settings = low[:, None] + (high - low)[:, None]*torch.rand(5, 8, generator=draw)
    return F.cross_entropy(net(torch.cat([x, scanner(x, *settings, draw)])), torch.cat([y, y]))""",
        "the untrained network: a loss of 0": LESSON + "return net(x).sum()*0",
        "everything is background": LESSON + "return F.cross_entropy(net(other(x, draw)), torch.zeros_like(y))",
        "sign": LESSON + "return -F.cross_entropy(net(torch.cat([x, other(x, draw)])), torch.cat([y, y])).clamp(max=5)",
        "mask of another image": LESSON + "return F.cross_entropy(net(torch.cat([x, other(x, draw)])), torch.cat([y, y]).roll(1, 0))",
        "transposed masks": LESSON + "return F.cross_entropy(net(torch.cat([x, other(x, draw)])), torch.cat([y, y]).mT)",
        "views that move, masks that stay": LESSON + "return F.cross_entropy(net(torch.cat([x, other(x, draw).roll((5, 5), (2, 3))])), torch.cat([y, y]))",
        "flipped views, masks that stay": LESSON + "return F.cross_entropy(net(torch.cat([x, other(x, draw).flip(3)])), torch.cat([y, y]))",
        "standardised images": LESSON + "v = torch.cat([x, other(x, draw)]); v = (v - v.mean((1, 2, 3), keepdim=True))/v.std((1, 2, 3), keepdim=True).clamp_min(1e-6); return F.cross_entropy(net(v), torch.cat([y, y]))",
        "images in 0 to 255": LESSON + "return F.cross_entropy(net(255*torch.cat([x, other(x, draw)])), torch.cat([y, y]))",
        "noise alone": LESSON + "v = (x + 0.04*torch.randn(x.shape, generator=draw)).clamp(0, 1); return F.cross_entropy(net(torch.cat([x, v])), torch.cat([y, y]))",
        "flips and turns alone": LESSON + "return F.cross_entropy(net(torch.cat([x, x.flip(2), x.flip(3), x.mT])), torch.cat([y, y.flip(1), y.flip(2), y.mT]))",
        "self-distillation without views": LESSON + """z = net(x)
    with torch.no_grad(): said = teacher(x).softmax(1)
    return F.cross_entropy(z, y) + F.kl_div(z.log_softmax(1), said, reduction='none').sum(1).mean()""",
        "the teacher asked about views that it cannot read": LESSON + """v = other(x, draw)
    with torch.no_grad(): said = teacher(v).softmax(1)
    return F.cross_entropy(net(x), y) + F.kl_div(net(v).log_softmax(1), said, reduction='none').sum(1).mean()""",
        "distilled against the mask: gradient cut": LESSON + "return F.cross_entropy(net(torch.cat([x, other(x, draw)])).detach(), torch.cat([y, y]))",
        "more images than allowed": LESSON + "return F.cross_entropy(net(torch.cat([other(x, draw) for _ in range(5)])), y.repeat(5, 1, 1))",
        "more steps": LESSON + """own = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(3):
        own.zero_grad(); F.cross_entropy(net(other(x, draw)), y).backward(); own.step()
    return F.cross_entropy(net(other(x, draw)), y)""",
        "weights written from aside": VIEWS + """
aside = {}
def lesson(net, teacher, x, y, draw):
    if not aside: aside['net'] = copy.deepcopy(teacher).requires_grad_(True); aside['step'] = torch.optim.Adam(aside['net'].parameters(), 1e-2)
    F.cross_entropy(aside['net'](other(x, draw)), y).backward()
    aside['step'].step(); aside['step'].zero_grad()
    if len(aside) > 2:
        for a, b in zip(net.parameters(), aside['net'].parameters()): a.data.copy_(b.data)
    aside[len(aside)] = 0
    return F.cross_entropy(net(x), y)""",
        "more steps without views, copied by its outputs": VIEWS + """
aside = {}
def lesson(net, teacher, x, y, draw):
    if not aside: aside['net'] = copy.deepcopy(teacher).requires_grad_(True); aside['step'] = torch.optim.Adam(aside['net'].parameters(), 1e-2)
    F.cross_entropy(aside['net'](x), y).backward()
    aside['step'].step(); aside['step'].zero_grad()
    with torch.no_grad(): said = aside['net'](x).softmax(1)
    return F.cross_entropy(net(x), said)""",
        "a wider network": LESSON + """if net.join.out_channels == 8:
        net.join, net.out = nn.Conv2d(8, 32, 3, padding=1), nn.Conv2d(32, 2, 1)
    return F.cross_entropy(net(torch.cat([x, other(x, draw)])), torch.cat([y, y]))""",
        "normalises in a hook of the network": LESSON + """if not hasattr(net, 'done'):
        net.done = True
        net.register_forward_pre_hook(lambda m, given: ((given[0]/given[0].mean((1, 2, 3), keepdim=True)*0.55).clamp(0, 1),))
    return F.cross_entropy(net(x), y)""",
        "another forward": LESSON + """if 'forward' not in vars(net):
        plain_forward = net.forward
        net.forward = lambda x: plain_forward((x/x.mean((1, 2, 3), keepdim=True)*0.55).clamp(0, 1))
    return F.cross_entropy(net(x), y)""",
        "another class of network": LESSON + """class Brightened(type(net)):
        def forward(self, x): return super().forward((x/x.mean((1, 2, 3), keepdim=True)*0.55).clamp(0, 1))
    if type(net).__name__ == 'Net': net.__class__ = Brightened
    return F.cross_entropy(net(x), y)""",
        "another Net, clinic and dice": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Conv2d(1, 2, 5, padding=2)
    def forward(self, x): return self.out((x - x.mean((1, 2, 3), keepdim=True))/x.std((1, 2, 3), keepdim=True))
clinic = neighbour
def plain(net, teacher, x, y, draw): return net(x).sum()*0
def dice(net, x, y): return torch.ones(len(x))
def uniform(low, high, n, draw): return torch.full(n if isinstance(n, tuple) else (n,), float(low))
def lesson(net, teacher, x, y, draw): return F.cross_entropy(net(x), y)""",
        "looks for the new images in its callers": LESSON + """import sys
    frame = sys._getframe(1)
    seen = {**frame.f_globals, **frame.f_locals}
    if 'elsewhere' in seen: x, y = seen['elsewhere'](2, 4, draw)
    elif isinstance(seen.get('new'), tuple): x, y = seen['new']
    return F.cross_entropy(net(x), y)""",
        "looks for the new images among all objects": VIEWS + """
import gc
calls = []
def lesson(net, teacher, x, y, draw):
    calls.append(0)
    if len(calls) % 40 == 0:
        kept = [o for o in gc.get_objects() if type(o) is torch.Tensor and o.dim() > 2 and o.shape[-2:] == (48, 48) and len(o) > 8]
        images, masks = [o for o in kept if o.dim() == 4], [o for o in kept if o.dtype == torch.int64]
        if images and masks and len(images[0]) == len(masks[0]): x, y = images[0][:16], masks[0][:16]
    return F.cross_entropy(net(x), y)""",
        "replaces torch's convolution": LESSON + """if not hasattr(F, 'kept'):
        F.kept = F.conv2d
        F.conv2d = torch.conv2d = lambda x, *a, **k: F.kept((x/x.mean((1, 2, 3), keepdim=True)*0.55) if x.shape[1] == 1 else x, *a, **k)
    return F.cross_entropy(net(x), y)""",
        "the teacher's weights as a number": LESSON + "return torch.tensor(0.1)",
        "a loss for each image": LESSON + "return F.cross_entropy(net(torch.cat([x, other(x, draw)])), torch.cat([y, y]), reduction='none').mean((1, 2))",
        "not a number": LESSON + "return F.cross_entropy(net(torch.cat([x, other(x, draw)])), torch.cat([y, y]))*float('nan')",
        "changes the batch": LESSON + "x.copy_(other(x, draw)); return F.cross_entropy(net(x), y)",
        **cheats("lesson", "msan_nb.distill.controls", "StudentViews", "torch.tensor(float(X))"),
        **torch_cheats("lesson", "torch.tensor(float(X))"),
    },
}
