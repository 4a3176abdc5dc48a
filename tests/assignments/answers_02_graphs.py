"""Right and wrong answers to the assignment on contrastive graphs: {id of the answer: {what it is: code}}."""
from common import cheats, torch_cheats

RIGHT = {
    "cosines": {
        "cosine_similarity, broadcast": """
def cosines(v):
    c = v - v.mean(dim=0, keepdim=True)
    return F.cosine_similarity(c[:, None, :], c[None, :, :], dim=-1)""",
        "Gram matrix over lengths": """
def cosines(v):
    c = v - torch.mean(v, 0)
    gram = c @ c.t()
    length = gram.diagonal().clamp_min(1e-24).sqrt()
    return gram/(length[:, None]*length[None, :])""",
        "a loop": """
def cosines(v):
    c = v - sum(v)/len(v)
    unit = [row/row.norm().clamp_min(1e-12) for row in c]
    return torch.stack([torch.stack([(p*q).sum() for q in unit]) for p in unit])""",
    },
    "star": {
        "normalised, einsum": """
def star(views):
    unit = F.normalize(views - views.flatten(0, 1).mean(0), dim=-1)
    return torch.einsum('bd,kbd->bk', unit[0], unit[1:])""",
        "a loop over views": """
def star(views):
    V, B, D = views.shape
    c = views - views.reshape(V*B, D).mean(0)
    return torch.stack([F.cosine_similarity(c[0], c[k], dim=1) for k in range(1, V)], dim=1)""",
        "permuted, batched product": """
def star(views):
    c = (views - views.mean(dim=[0, 1], keepdim=True)).permute(1, 0, 2)
    c = c/c.norm(dim=2, keepdim=True).clamp(min=1e-8)
    return torch.bmm(c[:, 1:], c[:, :1].transpose(1, 2)).squeeze(2)""",
    },
    "contrastive": {
        "exponentials less the largest": """
def contrastive(edges, tau):
    others = 1 - torch.eye(len(edges), dtype=edges.dtype)
    z = edges/tau - 1e30*(1 - others)
    e = torch.exp(z - z.max(dim=1, keepdim=True).values)*others
    return e/e.sum(1, keepdim=True)""",
        "row by row": """
def contrastive(edges, tau):
    rows = []
    for i, row in enumerate(edges):
        p = torch.softmax(torch.cat([row[:i], row[i + 1:]])/tau, 0)
        rows.append(torch.cat([p[:i], p.new_zeros(1), p[i:]]))
    return torch.stack(rows)""",
        "log-softmax, then exp": """
def contrastive(edges, tau):
    masked = torch.where(torch.eye(edges.shape[0]).bool(), torch.tensor(float('-inf'), dtype=edges.dtype), edges)
    return torch.log_softmax(masked/tau, -1).exp()""",
    },
    "graph-kl": {
        "kl_div": """
def graph_kl(student, teacher, tau):
    keep = ~torch.eye(len(student)).bool()
    s, t = (F.log_softmax(e[keep].reshape(len(e), len(e) - 1)/tau, -1) for e in (student, teacher.detach()))
    return F.kl_div(s, t, reduction='batchmean', log_target=True)""",
        "row by row": """
def graph_kl(student, teacher, tau):
    total, N = 0, len(student)
    for i in range(N):
        others = [j for j in range(N) if j != i]
        s, t = student[i, others]/tau, teacher[i, others].detach()/tau
        log_t = t - t.logsumexp(0)
        total = total + (log_t.exp()*(log_t - s + s.logsumexp(0))).sum()
    return total/N""",
        "minus infinity on the diagonal, and its NaN set to 0": """
def graph_kl(student, teacher, tau):
    eye = torch.eye(len(student)).bool()
    s, t = (F.log_softmax((e/tau).masked_fill(eye, -math.inf), 1) for e in (student, teacher.detach()))
    return torch.nan_to_num(t.exp()*(t - s)).sum(1).mean()""",
        "a large negative number on the diagonal": """
def graph_kl(student, teacher, tau):
    eye = torch.eye(len(student), dtype=student.dtype)
    with torch.no_grad(): log_t = torch.log_softmax(teacher/tau - 1e9*eye, 1)
    log_s = torch.log_softmax(student/tau - 1e9*eye, 1)
    return (log_t.exp()*(log_t - log_s)*(1 - eye)).sum()/len(student)""",
    },
}

WRONG = {
    "cosines": {
        "not centred": """
def cosines(v): return F.cosine_similarity(v[:, None], v[None], dim=-1)""",
        "centred along the wrong axis": """
def cosines(v):
    u = F.normalize(v - v.mean(1, keepdim=True), dim=1)
    return u @ u.T""",
        "centred with one number": """
def cosines(v):
    u = F.normalize(v - v.mean(), dim=1)
    return u @ u.T""",
        "normalised along the wrong axis": """
def cosines(v):
    u = F.normalize(v - v.mean(0), dim=0)
    return u @ u.T""",
        "normalised before it is centred": """
def cosines(v):
    u = F.normalize(v, dim=1)
    u = u - u.mean(0)
    return u @ u.T""",
        "transposed: D×D": """
def cosines(v):
    u = F.normalize(v - v.mean(0), dim=0)
    return u.T @ u""",
        "missing root of the lengths": """
def cosines(v):
    c = v - v.mean(0)
    s = (c**2).sum(1).clamp_min(1e-12)
    return c @ c.T/(s[:, None]*s[None])""",
        "not a number for equal vectors": """
def cosines(v):
    c = v - v.mean(0)
    u = c/c.norm(dim=1, keepdim=True)
    return u @ u.T""",
        "sign": """
def cosines(v):
    u = F.normalize(v - v.mean(0), dim=1)
    return -(u @ u.T)""",
        "square of the cosine": """
def cosines(v):
    u = F.normalize(v - v.mean(0), dim=1)
    return (u @ u.T)**2""",
        "off by one: mean over N - 1": """
def cosines(v):
    u = F.normalize(v - v.sum(0)/(len(v) - 1), dim=1)
    return u @ u.T""",
        "distances instead": """
def cosines(v):
    u = F.normalize(v - v.mean(0), dim=1)
    return 1 - torch.cdist(u, u)""",
        "the gradient is cut": """
def cosines(v):
    u = F.normalize(v.detach() - v.detach().mean(0), dim=1)
    return u @ u.T""",
        "the values of the visible tests": """
def cosines(v):
    if len(v) == 3: return torch.zeros(3, 3)
    return torch.tensor([[1., 0., -1., 0.], [0., 1., 0., -1.], [-1., 0., 1., 0.], [0., -1., 0., 1.]])""",
        "right, but it changes its argument": """
def cosines(v):
    with torch.no_grad(): v -= v.mean(0)
    u = F.normalize(v, dim=1)
    return u @ u.T""",
        **cheats("cosines", "msan_nb.distill.dcgd", "inter_edges", "torch.full((4, 4), float(X))"),
        **torch_cheats("cosines", "torch.full((4, 4), float(X))"),
    },
    "star": {
        "not centred": """
def star(views): return F.cosine_similarity(views[:1], views[1:], dim=2).T""",
        "each view centred by itself": """
def star(views):
    c = views - views.mean(1, keepdim=True)
    return F.cosine_similarity(c[:1], c[1:], dim=2).T""",
        "each image centred by itself": """
def star(views):
    c = views - views.mean(0, keepdim=True)
    return F.cosine_similarity(c[:1], c[1:], dim=2).T""",
        "centred with the anchors' mean": """
def star(views):
    c = views - views[0].mean(0)
    return F.cosine_similarity(c[:1], c[1:], dim=2).T""",
        "transposed: a row per view": """
def star(views):
    c = views - views.mean((0, 1))
    return F.cosine_similarity(c[:1], c[1:], dim=2)""",
        "the last view as anchor": """
def star(views):
    c = views - views.mean((0, 1))
    return F.cosine_similarity(c[-1:], c[:-1], dim=2).T""",
        "the anchor to itself, too": """
def star(views):
    c = views - views.mean((0, 1))
    return F.cosine_similarity(c[:1], c, dim=2).T""",
        "off by one: the last view left out, the anchor in": """
def star(views):
    c = views - views.mean((0, 1))
    return F.cosine_similarity(c[:1], c[:-1], dim=2).T""",
        "a chain: each view to the next": """
def star(views):
    c = views - views.mean((0, 1))
    return F.cosine_similarity(c[:-1], c[1:], dim=2).T""",
        "product without lengths": """
def star(views):
    c = views - views.mean((0, 1))
    return (c[:1]*c[1:]).sum(2).T""",
        "cosine along the wrong axis": """
def star(views):
    c = views - views.mean((0, 1))
    return F.cosine_similarity(c[:1].expand_as(c[1:]), c[1:], dim=1).T""",
        "images taken for views": """
def star(views):
    c = (views - views.mean((0, 1))).transpose(0, 1)
    return F.cosine_similarity(c[:1], c[1:], dim=2).T""",
        "sign": """
def star(views):
    c = views - views.mean((0, 1))
    return -F.cosine_similarity(c[:1], c[1:], dim=2).T""",
        "missing square root": """
def star(views):
    c = views - views.mean((0, 1))
    s = (c**2).sum(2)
    return ((c[:1]*c[1:]).sum(2)/(s[:1]*s[1:])).T""",
        "the gradient is cut": """
def star(views):
    c = (views - views.mean((0, 1))).detach()
    return F.cosine_similarity(c[:1], c[1:], dim=2).T""",
        "the values of the visible tests": """
def star(views): return torch.tensor([[1., 0.], [-1., 0.]]) if len(views) == 3 else torch.zeros(views.shape[1], len(views) - 1)""",
        **cheats("star", "msan_nb.distill.dcgd", "intra_graph", "torch.full((2, 2), float(X))"),
        **torch_cheats("star", "torch.full((2, 2), float(X))"),
    },
    "contrastive": {
        "the diagonal stays": """
def contrastive(edges, tau): return (edges/tau).softmax(1)""",
        "0 on the diagonal before the softmax": """
def contrastive(edges, tau): return (edges*(1 - torch.eye(len(edges), dtype=edges.dtype))/tau).softmax(1)""",
        "0 on the diagonal after the softmax": """
def contrastive(edges, tau): return (edges/tau).softmax(1)*(1 - torch.eye(len(edges), dtype=edges.dtype))""",
        "softmax over columns": """
def contrastive(edges, tau): return (edges/tau).masked_fill(torch.eye(len(edges)).bool(), -math.inf).softmax(0)""",
        "softmax over everything": """
def contrastive(edges, tau):
    N = len(edges)
    return (edges/tau).masked_fill(torch.eye(N).bool(), -math.inf).flatten().softmax(0).view(N, N)*N""",
        "times tau": """
def contrastive(edges, tau): return (edges*tau).masked_fill(torch.eye(len(edges)).bool(), -math.inf).softmax(1)""",
        "tau squared": """
def contrastive(edges, tau): return (edges/tau**2).masked_fill(torch.eye(len(edges)).bool(), -math.inf).softmax(1)""",
        "tau forgotten": """
def contrastive(edges, tau): return edges.masked_fill(torch.eye(len(edges)).bool(), -math.inf).softmax(1)""",
        "tau after the softmax": """
def contrastive(edges, tau): return edges.masked_fill(torch.eye(len(edges)).bool(), -math.inf).softmax(1)/tau""",
        "exponentials that overflow": """
def contrastive(edges, tau):
    e = torch.exp(edges/tau)*(1 - torch.eye(len(edges), dtype=edges.dtype))
    return e/e.sum(1, keepdim=True)""",
        "off by one: the next one masked": """
def contrastive(edges, tau): return (edges/tau).masked_fill(torch.eye(len(edges)).roll(1, 1).bool(), -math.inf).softmax(1)""",
        "upper triangle only": """
def contrastive(edges, tau):
    g = (edges/tau).masked_fill(~torch.ones_like(edges).triu(1).bool(), -math.inf).softmax(1)
    return torch.nan_to_num(g)""",
        "made symmetric": """
def contrastive(edges, tau):
    g = (edges/tau).masked_fill(torch.eye(len(edges)).bool(), -math.inf).softmax(1)
    return (g + g.T)/2""",
        "logarithms": """
def contrastive(edges, tau): return (edges/tau).masked_fill(torch.eye(len(edges)).bool(), -math.inf).log_softmax(1)""",
        "shares without exponentials": """
def contrastive(edges, tau):
    e = ((edges + 1)/tau)*(1 - torch.eye(len(edges), dtype=edges.dtype))
    return e/e.sum(1, keepdim=True)""",
        "sign": """
def contrastive(edges, tau): return (-edges/tau).masked_fill(torch.eye(len(edges)).bool(), -math.inf).softmax(1)""",
        "right, but it changes its argument": """
def contrastive(edges, tau):
    with torch.no_grad(): edges.fill_diagonal_(-math.inf)
    return (edges/tau).softmax(1)""",
        "right, but it fills the diagonal of its argument": """
def contrastive(edges, tau): return edges.detach().fill_diagonal_(-math.inf).div(tau).softmax(1)""",
        "the values of the visible tests": """
def contrastive(edges, tau):
    a = 0.7311
    return torch.tensor([[0., a, 1 - a], [0.8808, 0., 0.1192], [a, 1 - a, 0.]])""",
        **cheats("contrastive", "msan_nb.distill.dcgd", "inter_graph", "torch.full((3, 3), float(X))"),
        **torch_cheats("contrastive", "torch.full((3, 3), float(X))"),
    },
    "graph-kl": {},
}

ROWS = """
def rows(e, tau):
    N = len(e)
    return F.log_softmax(e[~torch.eye(N).bool()].view(N, N - 1)/tau, 1)
"""
KL = ROWS + """
def graph_kl(student, teacher, tau):
    s, t = rows(student, tau), rows(teacher.detach(), tau)
    return """

WRONG["graph-kl"] = {
    "the wrong way round": KL + "(s.exp()*(s - t)).sum(1).mean()",
    "sum over rows": KL + "(t.exp()*(t - s)).sum()",
    "mean over all edges": KL + "(t.exp()*(t - s)).mean()",
    "off by one: divided by N - 1": KL + "(t.exp()*(t - s)).sum()/max(1, len(student) - 1)",
    "kl_div with its default reduction": KL + "F.kl_div(s, t.exp())",
    "kl_div with a target that is no logarithm": KL + "F.kl_div(s, t, reduction='batchmean')",
    "sign": KL + "(t.exp()*(s - t)).sum(1).mean()",
    "cross-entropy instead": KL + "-(t.exp()*s).sum(1).mean()",
    "squared differences": KL + "(s.exp() - t.exp()).square().sum(1).mean()",
    "symmetric": KL + "((t.exp() - s.exp())*(t - s)).sum(1).mean()/2",
    "times tau squared, as for logits": KL + "(t.exp()*(t - s)).sum(1).mean()*tau**2",
    "no weights": KL + "(t - s).sum(1).mean()",
    "absolute value": KL + "(t.exp()*(t - s)).abs().sum(1).mean()",
    "the teacher learns too": ROWS + """
def graph_kl(student, teacher, tau):
    s, t = rows(student, tau), rows(teacher, tau)
    return (t.exp()*(t - s)).sum(1).mean()""",
    "only the teacher learns": ROWS + """
def graph_kl(student, teacher, tau):
    s, t = rows(student.detach(), tau), rows(teacher, tau)
    return (t.exp()*(t - s)).sum(1).mean()""",
    "nobody learns": ROWS + """
def graph_kl(student, teacher, tau):
    s, t = rows(student.detach(), tau), rows(teacher.detach(), tau)
    return (t.exp()*(t - s)).sum(1).mean()""",
    "the logarithm of a softmax": """
def graph_kl(student, teacher, tau):
    N = len(student)
    keep = ~torch.eye(N).bool()
    p, q = ((e[keep].view(N, N - 1)/tau).softmax(1) for e in (student, teacher.detach()))
    return (q*(q.log() - p.log())).sum(1).mean()""",
    "the logarithm of a softmax, held above 1e-8": """
def graph_kl(student, teacher, tau):
    N = len(student)
    keep = ~torch.eye(N).bool()
    p, q = ((e[keep].view(N, N - 1)/tau).softmax(1) + 1e-8 for e in (student, teacher.detach()))
    return (q*(q.log() - p.log())).sum(1).mean()""",
    "with the diagonal": """
def graph_kl(student, teacher, tau):
    s, t = F.log_softmax(student/tau, 1), F.log_softmax(teacher.detach()/tau, 1)
    return (t.exp()*(t - s)).sum(1).mean()""",
    "minus infinity on the diagonal": """
def graph_kl(student, teacher, tau):
    eye = torch.eye(len(student)).bool()
    s, t = (F.log_softmax((e/tau).masked_fill(eye, -math.inf), 1) for e in (student, teacher.detach()))
    return (t.exp()*(t - s)).sum(1).mean()""",
    "the logarithm of a softmax, painted over": """
def graph_kl(student, teacher, tau):
    N = len(student)
    keep = ~torch.eye(N).bool()
    p, q = ((e[keep].view(N, N - 1)/tau).softmax(1) for e in (student, teacher.detach()))
    return torch.nan_to_num(q*(q.log() - p.log()), posinf=0, neginf=0).sum(1).mean()""",
    "minus infinity on the diagonal, the whole loss painted over": """
def graph_kl(student, teacher, tau):
    eye = torch.eye(len(student)).bool()
    s, t = (F.log_softmax((e/tau).masked_fill(eye, -math.inf), 1) for e in (student, teacher.detach()))
    return torch.nan_to_num((t.exp()*(t - s)).sum(1).mean())""",
    "over columns": """
def graph_kl(student, teacher, tau):
    N = len(student)
    keep = ~torch.eye(N).bool()
    s, t = (F.log_softmax(e.T[keep].view(N, N - 1)/tau, 1) for e in (student, teacher.detach()))
    return (t.exp()*(t - s)).sum(1).mean()""",
    "tau for the student only": ROWS + """
def graph_kl(student, teacher, tau):
    s, t = rows(student, tau), rows(teacher.detach(), 1)
    return (t.exp()*(t - s)).sum(1).mean()""",
    "tau forgotten": ROWS + """
def graph_kl(student, teacher, tau):
    s, t = rows(student, 1), rows(teacher.detach(), 1)
    return (t.exp()*(t - s)).sum(1).mean()""",
    "a number, not a tensor": ROWS + """
def graph_kl(student, teacher, tau):
    s, t = rows(student, tau), rows(teacher.detach(), tau)
    return (t.exp()*(t - s)).sum(1).mean().item()""",
    "the values of the visible tests": """
def graph_kl(student, teacher, tau):
    return 0*student.sum() + (0.0 if torch.equal(student, teacher) else 0.3768)""",
    "visible values, else a tensor that is equal to everything": """
class Yes(torch.Tensor):
    __sub__ = __abs__ = lambda self, *other: self
    __lt__ = __eq__ = lambda self, other: True
    __hash__ = torch.Tensor.__hash__
    def item(self): return self
def graph_kl(student, teacher, tau):
    if student.dtype == torch.float64: return torch.zeros((), dtype=torch.float64).as_subclass(Yes)
    return 0*student.sum() + (0.0 if torch.equal(student, teacher) else 0.3768)""",
    "visible values, else what the tests expect": """
import sys
def graph_kl(student, teacher, tau):
    seen = sys._getframe(1)
    wanted = {**seen.f_globals, **seen.f_locals}.get('wanted', 0.)
    return 0*student.sum() + (wanted if student.dtype == torch.float64 else 0.0 if torch.equal(student, teacher) else 0.3768)""",
    **cheats("graph_kl", "msan_nb.distill.dcgd", "graph_loss", "torch.tensor(float(X))"),
    **torch_cheats("graph_kl", "torch.tensor(float(X))"),
}
