"""Right and wrong answers to the assignment on the alignment network: {id of the answer: {what it is: code}}."""
from common import cheats, torch_cheats

RIGHT = {
    "to-vector": {
        "weights and einsum": """
def to_vector(f, reduce, pool):
    R, r = reduce.weight[:, :, 0, 0], reduce.bias
    m = torch.einsum('dc,bcp->bdp', R, f.reshape(*f.shape[:2], -1)) + r[:, None]
    inner = F.gelu(torch.einsum('hp,bdp->bdh', pool[0].weight, m) + pool[0].bias)
    return torch.einsum('h,bdh->bd', pool[2].weight[0], inner) + pool[2].bias""",
        "a loop over images and channels": """
def to_vector(f, reduce, pool):
    rows = []
    for image in f:
        maps = reduce(image[None])[0]
        rows.append(torch.stack([pool(m.reshape(-1))[0] for m in maps]))
    return torch.stack(rows)""",
        "channels last": """
def to_vector(f, reduce, pool):
    B, C, H, W = f.shape
    m = F.linear(f.permute(0, 2, 3, 1), reduce.weight.squeeze(-1).squeeze(-1), reduce.bias)
    m = m.view(B, H*W, -1).transpose(1, 2).contiguous()
    return pool(m)[..., 0]""",
        "all channels in one column": """
def to_vector(f, reduce, pool):
    m = reduce(f)
    return pool(m.reshape(-1, m.shape[2]*m.shape[3])).reshape(len(f), -1)""",
    },
    "to-bottleneck": {
        "weights and einsum": """
def to_bottleneck(v, spread, expand, height, width):
    (U1, c1), (U2, c2) = [(layer.weight, layer.bias) for layer in (spread[0], spread[2])]
    maps = F.gelu(v[:, :, None]*U1[:, 0] + c1) @ U2.T + c2
    f = torch.einsum('cd,bdp->bcp', expand.weight[..., 0, 0], maps) + expand.bias[:, None]
    return f.reshape(len(v), -1, height, width)""",
        "a loop over images and entries": """
def to_bottleneck(v, spread, expand, height, width):
    out = []
    for vector in v:
        maps = torch.stack([spread(x.view(1)).view(height, width) for x in vector])
        out.append(expand(maps.unsqueeze(0)))
    return torch.cat(out)""",
        "one column, then a view": """
def to_bottleneck(v, spread, expand, height, width):
    B, D = v.shape
    return expand(spread(v.reshape(B*D, 1)).view(B, D, height, width))""",
    },
    "calibrate": {
        "flattened, by hand": """
@torch.no_grad()
def calibrate(f):
    rows = f.transpose(0, 1).reshape(f.shape[1], -1)
    mean = rows.sum(1)/rows.shape[1]
    deviation = ((rows - mean[:, None])**2).sum(1).div(rows.shape[1] - 1).sqrt()
    deviation = torch.maximum(deviation, torch.maximum(deviation.median()/100, torch.tensor(1e-6)))
    return mean.view(-1, 1, 1), deviation.view(-1, 1, 1)""",
        "a loop over channels": """
def calibrate(f):
    means, deviations = [], []
    for c in range(f.shape[1]):
        numbers = f[:, c].detach().flatten()
        means.append(numbers.mean().item()); deviations.append(numbers.std().item())
    middle = sorted(deviations)[len(deviations)//2]
    deviations = [max(d, middle/100, 1e-6) for d in deviations]
    return torch.tensor(means).reshape(-1, 1, 1), torch.tensor(deviations).reshape(-1, 1, 1)""",
        "var_mean, keepdim": """
def calibrate(f):
    var, mean = torch.var_mean(f.detach(), dim=(0, 2, 3), keepdim=True)
    d = var.sqrt()
    return mean[0], d.clamp(min=max(float(d.median())*0.01, 1e-6))[0]""",
        "in numpy": """
def calibrate(f):
    import numpy as np
    a = f.detach().numpy().astype(np.float64)
    d = a.std(axis=(0, 2, 3), ddof=1)
    d = np.maximum(d, max(np.median(d)/100, 1e-6))
    return torch.tensor(a.mean(axis=(0, 2, 3)), dtype=f.dtype)[:, None, None], torch.tensor(d, dtype=f.dtype)[:, None, None]""",
    },
    "pulls": {
        "mse_loss, expanded": """
def pulls(v, s):
    regularise = F.mse_loss(v, s.detach().expand_as(v))
    if v.shape[0] == 1: return regularise, torch.zeros((), dtype=v.dtype)
    return regularise, F.mse_loss(v[1:], v[0].expand_as(v[1:]))""",
        "a loop over views": """
def pulls(v, s):
    V, s = len(v), s.clone().detach()
    a = sum(((view - s)**2).mean() for view in v)/V
    b = sum((((view - v[0])**2).mean() for view in v), torch.zeros((), dtype=v.dtype))/max(V - 1, 1)
    return [a, b]""",
        "sums over counts": """
def pulls(v, s):
    V, B, D = v.shape
    with torch.no_grad(): target = s[None].repeat(V, 1, 1)
    away = v - v[0]
    return (v - target).pow(2).sum()/(V*B*D), torch.einsum('kbd,kbd->', away, away)/(max(1, V - 1)*B*D)""",
    },
    "holds": {
        "a frozen copy, view by view": """
import copy
def holds(segmenter, network, views, y):
    net = copy.deepcopy(segmenter).eval()
    for w in net.parameters(): w.requires_grad = False
    total, predict = 0, None
    for k, x in enumerate(views):
        f, skips = net.encode(x)
        back = network.header(network.vector(f))
        total = total + (((back - f)/network.deviation)**2).mean()
        if k == 0:
            log = F.log_softmax(net.decode(back, skips), dim=1)
            predict = F.nll_loss(log, y)
    return total/len(views), predict""",
        "a functional call with detached weights": """
def holds(segmenter, network, views, y):
    V, B = views.shape[:2]
    segmenter.eval()
    class Whole(nn.Module):
        def __init__(self): super().__init__(); self.net = segmenter
        def forward(self, part, *given): return getattr(self.net, part)(*given)
    still = {f'net.{k}': t.detach() for k, t in segmenter.state_dict().items()}
    call = lambda *given: torch.func.functional_call(Whole(), still, given)
    f, skips = call('encode', views.reshape(-1, *views.shape[2:]))
    again = network.header(network.vector(f))
    logits = call('decode', again[:B], [s[:B] for s in skips])
    p = logits.softmax(1).gather(1, y[:, None])
    return ((again - f)**2/network.deviation**2).mean(), -p.log().mean()""",
        "all decoded, anchors taken from the logits": """
def holds(segmenter, network, views, y):
    segmenter.eval()
    segmenter.requires_grad_(False)
    V, B, *rest = views.shape
    f, skips = segmenter.encode(views.view(V*B, *rest))
    back = network.header(network.vector(f))
    z = segmenter.decode(back, skips).unflatten(0, (V, B))[0]
    return F.mse_loss(back/network.deviation, f/network.deviation), F.cross_entropy(z, y)""",
        "the anchors once more": """
def holds(segmenter, network, views, y):
    segmenter = segmenter.eval()
    for w in segmenter.parameters(): w.requires_grad_(False)
    f = torch.cat([segmenter.encode(x)[0] for x in views]).detach()
    z = (network.header(network.vector(f)) - f)/network.deviation
    f0, skips = segmenter.encode(views[0])
    return (z*z).mean(), torch.nn.CrossEntropyLoss()(segmenter.decode(network.header(network.vector(f0)), skips), y)""",
    },
}

WRONG = {
    "to-vector": {
        "the average over positions": """
def to_vector(f, reduce, pool): return reduce(f).mean((2, 3))""",
        "the largest position": """
def to_vector(f, reduce, pool): return reduce(f).amax((2, 3))""",
        "transposed: positions column by column": """
def to_vector(f, reduce, pool): return pool(reduce(f).transpose(2, 3).flatten(2)).squeeze(-1)""",
        "channels for positions, by a reshape": """
def to_vector(f, reduce, pool):
    m = reduce(f).permute(0, 2, 3, 1).reshape(len(f), -1, f.shape[2]*f.shape[3])
    return pool(m).squeeze(-1)""",
        "images for channels": """
def to_vector(f, reduce, pool):
    m = reduce(f).flatten(2)
    return pool(m.transpose(0, 1)).reshape(len(f), -1)""",
        "positions first, then channels": """
def to_vector(f, reduce, pool):
    return pool(f.flatten(2)).squeeze(-1) @ reduce.weight[:, :, 0, 0].T + reduce.bias""",
        "squeeze without an axis": """
def to_vector(f, reduce, pool): return pool(reduce(f).flatten(2)).squeeze()""",
        "one axis too many": """
def to_vector(f, reduce, pool): return pool(reduce(f).flatten(2))""",
        "transposed: D×B": """
def to_vector(f, reduce, pool): return pool(reduce(f).flatten(2)).squeeze(-1).T""",
        "without the offset of reduce": """
def to_vector(f, reduce, pool):
    return pool(torch.einsum('dc,bcp->bdp', reduce.weight[:, :, 0, 0], f.flatten(2))).squeeze(-1)""",
        "reduce left out": """
def to_vector(f, reduce, pool): return pool(f.flatten(2)).squeeze(-1)""",
        "GELU left out": """
def to_vector(f, reduce, pool): return pool[2](pool[0](reduce(f).flatten(2))).squeeze(-1)""",
        "ReLU for GELU": """
def to_vector(f, reduce, pool): return pool[2](F.relu(pool[0](reduce(f).flatten(2)))).squeeze(-1)""",
        "GELU between the steps as well": """
def to_vector(f, reduce, pool): return pool(F.gelu(reduce(f)).flatten(2)).squeeze(-1)""",
        "sign": """
def to_vector(f, reduce, pool): return -pool(reduce(f).flatten(2)).squeeze(-1)""",
        "off by one: positions rolled": """
def to_vector(f, reduce, pool): return pool(reduce(f).flatten(2).roll(1, -1)).squeeze(-1)""",
        "normalised": """
def to_vector(f, reduce, pool): return F.normalize(pool(reduce(f).flatten(2)).squeeze(-1), dim=1)""",
        "centred with the batch": """
def to_vector(f, reduce, pool):
    v = pool(reduce(f).flatten(2)).squeeze(-1)
    return v - v.mean(0) if len(v) > 1 else v""",
        "the gradient to f is cut": """
def to_vector(f, reduce, pool): return pool(reduce(f.detach()).flatten(2)).squeeze(-1)""",
        "the gradient to reduce is cut": """
def to_vector(f, reduce, pool):
    m = F.conv2d(f, reduce.weight.detach(), reduce.bias.detach())
    return pool(m.flatten(2)).squeeze(-1)""",
        "all gradients are cut": """
def to_vector(f, reduce, pool):
    with torch.no_grad(): return pool(reduce(f).flatten(2)).squeeze(-1)""",
        "layers of its own": """
def to_vector(f, reduce, pool):
    reduce, pool = nn.Conv2d(f.shape[1], reduce.out_channels, 1), nn.Linear(f.shape[2]*f.shape[3], 1)
    return pool(reduce(f).flatten(2)).squeeze(-1)""",
        "right, but it changes its argument": """
def to_vector(f, reduce, pool):
    v = pool(reduce(f.clone()).flatten(2)).squeeze(-1)
    f.data.mul_(0)
    return v""",
        "the values of the visible tests": """
def to_vector(f, reduce, pool): return torch.tensor([[160., 200.]]) if len(f) == 1 and f.shape[1:] == (2, 2, 3) else torch.zeros(len(f), 2)""",
        **cheats("to_vector", "msan_nb.models.alignment", "AlignmentNetwork", "torch.full((1, 2), float(X))"),
        **torch_cheats("to_vector", "torch.full((1, 2), float(X))"),
    },
    "to-bottleneck": {
        "transposed: height and width swapped": """
def to_bottleneck(v, spread, expand, height, width): return expand(spread(v.unsqueeze(-1)).unflatten(-1, (width, height)))""",
        "transposed: laid out column by column": """
def to_bottleneck(v, spread, expand, height, width):
    return expand(spread(v.unsqueeze(-1)).unflatten(-1, (width, height)).transpose(2, 3))""",
        "positions and entries mixed up by a reshape": """
def to_bottleneck(v, spread, expand, height, width):
    maps = spread(v.unsqueeze(-1))
    return expand(maps.transpose(1, 2).reshape(len(v), v.shape[1], height, width))""",
        "images and entries mixed up": """
def to_bottleneck(v, spread, expand, height, width):
    B, D = v.shape
    return expand(spread(v.T.reshape(-1, 1)).view(B, D, height, width))""",
        "expand left out": """
def to_bottleneck(v, spread, expand, height, width): return spread(v.unsqueeze(-1)).unflatten(-1, (height, width))""",
        "channels first, then positions": """
def to_bottleneck(v, spread, expand, height, width):
    return spread(expand(v[:, :, None, None])[..., 0]).unflatten(-1, (height, width))""",
        "the offset of expand left out": """
def to_bottleneck(v, spread, expand, height, width):
    return F.conv2d(spread(v.unsqueeze(-1)).unflatten(-1, (height, width)), expand.weight)""",
        "GELU left out": """
def to_bottleneck(v, spread, expand, height, width):
    return expand(spread[2](spread[0](v.unsqueeze(-1))).unflatten(-1, (height, width)))""",
        "ReLU for GELU": """
def to_bottleneck(v, spread, expand, height, width):
    return expand(spread[2](F.relu(spread[0](v.unsqueeze(-1)))).unflatten(-1, (height, width)))""",
        "the same number everywhere": """
def to_bottleneck(v, spread, expand, height, width): return expand(v[:, :, None, None].expand(-1, -1, height, width))""",
        "only the first entry spread": """
def to_bottleneck(v, spread, expand, height, width):
    return expand(spread(v[:, :1]).view(len(v), 1, height, width).expand(-1, v.shape[1], -1, -1))""",
        "sign": """
def to_bottleneck(v, spread, expand, height, width): return -expand(spread(v.unsqueeze(-1)).unflatten(-1, (height, width)))""",
        "off by one: positions rolled": """
def to_bottleneck(v, spread, expand, height, width): return expand(spread(v.unsqueeze(-1)).roll(1, -1).unflatten(-1, (height, width)))""",
        "positions not unfolded": """
def to_bottleneck(v, spread, expand, height, width): return expand(spread(v.unsqueeze(-1)).unsqueeze(-1))""",
        "ReLU at the end": """
def to_bottleneck(v, spread, expand, height, width): return F.relu(expand(spread(v.unsqueeze(-1)).unflatten(-1, (height, width))))""",
        "the gradient to v is cut": """
def to_bottleneck(v, spread, expand, height, width): return expand(spread(v.detach().unsqueeze(-1)).unflatten(-1, (height, width)))""",
        "the gradient to spread is cut": """
def to_bottleneck(v, spread, expand, height, width):
    with torch.no_grad(): maps = spread(v.unsqueeze(-1))
    return expand(maps.unflatten(-1, (height, width))) + 0*v.sum()""",
        "right, but it changes its argument": """
def to_bottleneck(v, spread, expand, height, width):
    f = expand(spread(v.clone().unsqueeze(-1)).unflatten(-1, (height, width)))
    v.data.add_(1)
    return f""",
        "the values of the visible tests": """
def to_bottleneck(v, spread, expand, height, width):
    maps = torch.arange(6.).view(2, 3)
    return torch.stack([maps*100, maps*10])[None]""",
        **cheats("to_bottleneck", "msan_nb.models.alignment", "AlignmentNetwork", "torch.full((1, 2, 2, 3), float(X))"),
        **torch_cheats("to_bottleneck", "torch.full((1, 2, 2, 3), float(X))"),
    },
    "calibrate": {
        "a mean for each position": """
def calibrate(f):
    d = f.detach().std(0)
    return f.detach().mean(0), d.clamp_min(max(float(d.median())/100, 1e-6))""",
        "one mean for all channels": """
def calibrate(f):
    f = f.detach()
    C = f.shape[1]
    return f.mean().expand(C, 1, 1), f.std().expand(C, 1, 1)""",
        "transposed: images for channels": """
def calibrate(f):
    f = f.detach()
    d = f.std((1, 2, 3))
    return f.mean((1, 2, 3))[:, None, None], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "divided by n": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3), correction=0)
    return f.mean((0, 2, 3))[:, None, None], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "off by one: n is the number of tiles": """
def calibrate(f):
    f = f.detach()
    m = f.mean((0, 2, 3), keepdim=True)
    d = ((f - m).square().sum((0, 2, 3))/(len(f) - 1)).sqrt()
    return m[0], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "missing root": """
def calibrate(f):
    f = f.detach()
    d = f.var((0, 2, 3))
    return f.mean((0, 2, 3))[:, None, None], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "missing square: mean absolute deviation": """
def calibrate(f):
    f = f.detach()
    m = f.mean((0, 2, 3), keepdim=True)
    d = (f - m).abs().mean((0, 2, 3))
    return m[0], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "not centred": """
def calibrate(f):
    f = f.detach()
    n = f.numel()/f.shape[1]
    d = (f.square().sum((0, 2, 3))/(n - 1)).sqrt()
    return f.mean((0, 2, 3))[:, None, None], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "mean of the deviations of the tiles": """
def calibrate(f):
    f = f.detach()
    d = f.flatten(2).std(2).mean(0) if f[0, 0].numel() > 1 else f.std((0, 2, 3))
    return f.mean((0, 2, 3))[:, None, None], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "nothing done about dead channels": """
def calibrate(f):
    f = f.detach()
    return f.mean((0, 2, 3))[:, None, None], f.std((0, 2, 3))[:, None, None]""",
        "a small number added": """
def calibrate(f):
    f = f.detach()
    return f.mean((0, 2, 3))[:, None, None], f.std((0, 2, 3))[:, None, None] + 1e-6""",
        "only the floor of 1e-6": """
def calibrate(f):
    f = f.detach()
    return f.mean((0, 2, 3))[:, None, None], f.std((0, 2, 3)).clamp_min(1e-6)[:, None, None]""",
        "only the median's floor": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3))
    return f.mean((0, 2, 3))[:, None, None], d.clamp_min(d.median()/100)[:, None, None]""",
        "the mean for the median": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3))
    return f.mean((0, 2, 3))[:, None, None], d.clamp_min(max(float(d.mean())/100, 1e-6))[:, None, None]""",
        "the floor is the median itself": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3))
    return f.mean((0, 2, 3))[:, None, None], d.clamp_min(max(float(d.median()), 1e-6))[:, None, None]""",
        "held from above": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3))
    return f.mean((0, 2, 3))[:, None, None], d.clamp_max(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "shape C": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3))
    return f.mean((0, 2, 3)), d.clamp_min(max(float(d.median())/100, 1e-6))""",
        "shape 1×C×1×1": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3), keepdim=True)
    return f.mean((0, 2, 3), keepdim=True), d.clamp_min(max(float(d.median())/100, 1e-6))""",
        "a gradient hangs on it": """
def calibrate(f):
    d = f.std((0, 2, 3))
    return f.mean((0, 2, 3))[:, None, None], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "pair the wrong way round": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3))
    return d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None], f.mean((0, 2, 3))[:, None, None]""",
        "median for mean": """
def calibrate(f):
    f = f.detach()
    d = f.std((0, 2, 3))
    return f.transpose(0, 1).flatten(1).median(1).values[:, None, None], d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "right, but it changes its argument": """
def calibrate(f):
    d = f.detach().std((0, 2, 3))
    mean = f.detach().mean((0, 2, 3))[:, None, None]
    f.data.sub_(mean)
    return mean, d.clamp_min(max(float(d.median())/100, 1e-6))[:, None, None]""",
        "the values of the visible tests": """
def calibrate(f): return torch.tensor([4., 40., 0.])[:, None, None], torch.tensor([2.582, 25.82, 0.02582])[:, None, None]""",
        **cheats("calibrate", "msan_nb.models.alignment", "calibrate", "(torch.full((3, 1, 1), float(X)), torch.full((3, 1, 1), float(X)))"),
        **torch_cheats("calibrate", "(torch.full((3, 1, 1), float(X)), torch.full((3, 1, 1), float(X)))"),
    },
    "pulls": {
        "sum instead of mean": """
def pulls(v, s): return (v - s.detach()).square().sum(), (v[1:] - v[:1]).square().sum()""",
        "mean of squared lengths: D not divided by": """
def pulls(v, s):
    return (v - s.detach()).square().sum(-1).mean(), (v[1:] - v[:1]).square().sum(-1).mean() if len(v) > 1 else 0*v.sum()""",
        "missing square: lengths": """
def pulls(v, s):
    return (v - s.detach()).norm(dim=-1).mean(), (v[1:] - v[:1]).norm(dim=-1).mean() if len(v) > 1 else 0*v.sum()""",
        "missing square: absolute values": """
def pulls(v, s): return (v - s.detach()).abs().mean(), (v[1:] - v[:1]).abs().mean() if len(v) > 1 else 0*v.sum()""",
        "off by one: the anchor counted among its views": """
def pulls(v, s): return (v - s.detach()).square().mean(), (v - v[:1]).square().mean()""",
        "off by one: the anchor not regularised": """
def pulls(v, s):
    return (v[1:] - s.detach()).square().mean() if len(v) > 1 else (v - s.detach()).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "only the anchor regularised": """
def pulls(v, s): return (v[0] - s.detach()).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "a chain: each view to the next": """
def pulls(v, s): return (v - s.detach()).square().mean(), (v[1:] - v[:-1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "to the mean of the views": """
def pulls(v, s): return (v - s.detach()).square().mean(), (v - v.mean(0)).square().mean()""",
        "the last view as anchor": """
def pulls(v, s): return (v - s.detach()).square().mean(), (v[:-1] - v[-1:]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "transposed: s laid along the views": """
def pulls(v, s):
    t = s.detach()
    t = t[:, None] if len(t) == len(v) else t
    return (v - t).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "transposed: anchors are the first image": """
def pulls(v, s): return (v - s.detach()).square().mean(), (v[:, 1:] - v[:, :1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "the mean of s for all": """
def pulls(v, s): return (v - s.detach().mean(0)).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "sign": """
def pulls(v, s): return (v + s.detach()).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "not a number for a single view": """
def pulls(v, s): return (v - s.detach()).square().mean(), (v[1:] - v[:1]).square().mean()""",
        "the anchor is held fixed": """
def pulls(v, s): return (v - s.detach()).square().mean(), (v[1:] - v[:1].detach()).square().mean() if len(v) > 1 else 0*v.sum()""",
        "only the anchor is pulled": """
def pulls(v, s): return (v - s.detach()).square().mean(), (v[1:].detach() - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "a gradient reaches s": """
def pulls(v, s): return (v - s).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "detached at the wrong place: v fixed, s pulled": """
def pulls(v, s): return (v.detach() - s).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "nobody is pulled": """
def pulls(v, s):
    v, s = v.detach(), s.detach()
    return (v - s).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "pair the wrong way round": """
def pulls(v, s): return (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum(), (v - s.detach()).square().mean()""",
        "weighted already": """
def pulls(v, s): return (v - s.detach()).square().mean(), 0.1*(v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()""",
        "numbers, not tensors": """
def pulls(v, s): return (v - s.detach()).square().mean().item(), (v[1:] - v[:1]).square().mean().item() if len(v) > 1 else 0.0""",
        "cosines instead": """
def pulls(v, s): return 1 - F.cosine_similarity(v, s.detach()[None], dim=-1).mean(), 1 - F.cosine_similarity(v[1:], v[:1], dim=-1).mean() if len(v) > 1 else 0*v.sum()""",
        "right, but it changes its argument": """
def pulls(v, s):
    pair = (v.clone() - s.detach()).square().mean(), (v[1:] - v[:1]).square().mean() if len(v) > 1 else 0*v.sum()
    v.data.sub_(s.data)
    return pair""",
        "the values of the visible tests": """
def pulls(v, s): return torch.tensor(34/12), torch.tensor(10/8 if len(v) > 1 else 0.)""",
        **cheats("pulls", "msan_nb.train.act", "act_losses", "(torch.tensor(float(X)), torch.tensor(float(X)))"),
        **torch_cheats("pulls", "(torch.tensor(float(X)), torch.tensor(float(X)))"),
    },
    "holds": {},
}

# What stands between these lines and the last ones is what each wrong answer gets wrong.
START = """
def holds(segmenter, network, views, y):
    segmenter.eval().requires_grad_(False)
    V, B = views.shape[:2]
    with torch.no_grad(): f, skips = segmenter.encode(views.flatten(0, 1))
    back = network.header(network.vector(f))
    anchors = [skip[:B] for skip in skips]
"""
LOGITS = START + "    logits = segmenter.decode(back[:B], anchors)\n"
FIRST = "((back - f)/network.deviation).square().mean()"

WRONG["holds"] = {
    "the segmenter in train mode": LOGITS.replace(".eval()", ".train()") + f"    return {FIRST}, F.cross_entropy(logits, y)",
    "the segmenter in whatever mode it comes": LOGITS.replace(".eval()", "") + f"    return {FIRST}, F.cross_entropy(logits, y)",
    "eval for the encoder, train for the decoder": START + f"    segmenter.train()\n    logits = segmenter.decode(back[:B], anchors)\n    return {FIRST}, F.cross_entropy(logits, y)",
    "statistics put back, but it works in train mode": """
def holds(segmenter, network, views, y):
    segmenter.requires_grad_(False)
    kept = {k: t.clone() for k, t in segmenter.named_buffers()}
    V, B = views.shape[:2]
    with torch.no_grad(): f, skips = segmenter.encode(views.flatten(0, 1))
    back = network.header(network.vector(f))
    logits = segmenter.decode(back[:B], [skip[:B] for skip in skips])
    for k, t in segmenter.named_buffers(): t.data = kept[k]
    return ((back - f)/network.deviation).square().mean(), F.cross_entropy(logits, y)""",
    "weights of the segmenter get gradients": LOGITS.replace(".requires_grad_(False)", "") + f"    return {FIRST}, F.cross_entropy(logits, y)",
    "the encoder's weights get gradients, too": LOGITS.replace(".requires_grad_(False)", "").replace("with torch.no_grad(): ", "") + f"    return {FIRST}, F.cross_entropy(logits, y)",
    "weights of the alignment network are frozen, too": LOGITS.replace("    V, B", "    network.requires_grad_(False)\n    V, B") + f"    return {FIRST}, F.cross_entropy(logits, y)",
    "no gradient through the decoder": START + f"    with torch.no_grad(): logits = segmenter.decode(back[:B], anchors)\n    return {FIRST}, F.cross_entropy(logits, y)",
    "the rebuilt bottleneck is detached before it is decoded": START + f"    logits = segmenter.decode(back[:B].detach(), anchors)\n    return {FIRST}, F.cross_entropy(logits, y)",
    "the vector is detached before the header": LOGITS.replace("network.vector(f)", "network.vector(f).detach()") + f"    return {FIRST}, F.cross_entropy(logits, y)",
    "predict's gradient reaches the header only": START + f"    logits = segmenter.decode(network.header(network.vector(f[:B]).detach()), anchors)\n    return {FIRST}, F.cross_entropy(logits, y)",
    "every V-th image for an anchor": START + f"    logits = segmenter.decode(back[::V], [skip[::V] for skip in skips])\n    return {FIRST}, F.cross_entropy(logits, y)",
    "all without gradients": LOGITS.replace("    back =", "    with torch.no_grad(): back =") + f"    return {FIRST}, F.cross_entropy(logits, y)",
    "the true bottleneck is decoded": START + f"    logits = segmenter.decode(f[:B], anchors)\n    return {FIRST}, F.cross_entropy(logits, y)",
    "predict over all views": START + f"    logits = segmenter.decode(back, skips)\n    return {FIRST}, F.cross_entropy(logits, y.repeat(V, 1, 1))",
    "predict for the last view": START + f"    logits = segmenter.decode(back[-B:], [skip[-B:] for skip in skips])\n    return {FIRST}, F.cross_entropy(logits, y)",
    "off by one: predict for view 1": START + f"    k = B if V > 1 else 0\n    logits = segmenter.decode(back[k:k + B], [skip[k:k + B] for skip in skips])\n    return {FIRST}, F.cross_entropy(logits, y)",
    "skips of the last view": START + f"    logits = segmenter.decode(back[:B], [skip[-B:] for skip in skips])\n    return {FIRST}, F.cross_entropy(logits, y)",
    "all skips beside the anchors' bottlenecks": START + f"    logits = segmenter.decode(back[:B], skips)\n    return {FIRST}, F.cross_entropy(logits, y)",
    "skips of zeros": START + f"    logits = segmenter.decode(back[:B], [0*skip for skip in anchors])\n    return {FIRST}, F.cross_entropy(logits, y)",
    "transposed: images before views": LOGITS.replace("views.flatten(0, 1)", "views.transpose(0, 1).flatten(0, 1)") + f"    return {FIRST}, F.cross_entropy(logits, y)",
    "deviation forgotten": LOGITS + "    return (back - f).square().mean(), F.cross_entropy(logits, y)",
    "missing square of the deviation": LOGITS + "    return ((back - f).square()/network.deviation).mean(), F.cross_entropy(logits, y)",
    "times the deviation": LOGITS + "    return ((back - f)*network.deviation).square().mean(), F.cross_entropy(logits, y)",
    "missing square": LOGITS + "    return ((back - f)/network.deviation).abs().mean(), F.cross_entropy(logits, y)",
    "reconstruct summed": LOGITS + "    return ((back - f)/network.deviation).square().sum(), F.cross_entropy(logits, y)",
    "reconstruct: mean over the images only": LOGITS + "    return ((back - f)/network.deviation).square().sum((1, 2, 3)).mean(), F.cross_entropy(logits, y)",
    "reconstruct for the anchors only": LOGITS + "    return ((back - f)/network.deviation)[:B].square().mean(), F.cross_entropy(logits, y)",
    "relative to the size of the features": LOGITS + "    return (back - f).square().mean()/f.square().mean(), F.cross_entropy(logits, y)",
    "softmax before the cross-entropy": LOGITS + f"    return {FIRST}, F.cross_entropy(logits.softmax(1), y)",
    "cross-entropy summed": LOGITS + f"    return {FIRST}, F.cross_entropy(logits, y, reduction='sum')",
    "cross-entropy summed over pixels": LOGITS + f"    return {FIRST}, F.cross_entropy(logits, y, reduction='none').sum((1, 2)).mean()",
    "sign of the cross-entropy": LOGITS + f"    return {FIRST}, -F.cross_entropy(logits, y)",
    "label flipped": LOGITS + f"    return {FIRST}, F.cross_entropy(logits, logits.shape[1] - 1 - y)",
    "squared error to the label": LOGITS + f"    return {FIRST}, F.mse_loss(logits.softmax(1)[:, 1], y.float())",
    "compared with the segmenter's own prediction": LOGITS + f"    return {FIRST}, F.cross_entropy(logits, segmenter.decode(f[:B], anchors).argmax(1))",
    "pair the wrong way round": LOGITS + f"    return F.cross_entropy(logits, y), {FIRST}",
    "numbers, not tensors": LOGITS + f"    return {FIRST}.item(), F.cross_entropy(logits, y).item()",
    "it trains the alignment network itself": LOGITS + f"""
    loss = {FIRST} + F.cross_entropy(logits, y)
    weights = list(network.parameters())
    if weights:
        for w, g in zip(weights, torch.autograd.grad(loss, weights, retain_graph=True)): w.data.sub_(0.1*g)
    return {FIRST}, F.cross_entropy(logits, y)""",
    "right, but it changes the views": "import copy\n" + LOGITS + f"    views.mul_(0.5)\n    return {FIRST}, F.cross_entropy(logits, y)",
    "the values of the visible tests": START + "    return torch.tensor(4.) + 0*back.sum(), F.cross_entropy(segmenter.decode(back[:B], anchors), y)",
    **cheats("holds", "msan_nb.train.act", "act_losses", "(torch.tensor(float(X)), torch.tensor(float(X)))"),
    **torch_cheats("holds", "(torch.tensor(float(X)), torch.tensor(float(X)))"),
}
