"""Right and wrong answers to the assignment on the Fréchet distance: {id of the answer: {what it is: code}}."""
from common import cheats

RIGHT = {
    "moments": {
        "numpy's own covariance": """
def moments(x): return np.mean(x, axis=0), np.cov(x, rowvar=False)""",
        "einsum": """
def moments(x):
    n = x.shape[0]
    mu = np.einsum('nd->d', x)/n
    return mu, np.einsum('ni,nj->ij', x - mu, x - mu)/(n - 1)""",
        "a sum of outer products": """
def moments(vectors):
    n, d = vectors.shape
    mean = np.zeros(d)
    for v in vectors: mean += v/n
    cov = np.zeros((d, d))
    for v in vectors: cov += np.outer(v - mean, v - mean)/(n - 1)
    return mean, cov""",
        "second moment less the mean's": """
def moments(x):
    n = len(x)
    mean = x.sum(0)/n
    return mean, (x.T.dot(x) - n*np.outer(mean, mean))/(n - 1)""",
    },
    "symmetric-root": {
        "singular values": """
def symmetric_root(c):
    u, s, _ = np.linalg.svd(c)
    return u @ np.diag(np.sqrt(s)) @ u.T""",
        "a sum over eigenvectors": """
def symmetric_root(c):
    result = np.zeros_like(c, dtype=float)
    values, vectors = np.linalg.eigh(c)
    for value, vector in zip(values, vectors.T):
        if value > 0: result += math.sqrt(value)*np.outer(vector, vector)
    return result""",
        "the fourth root, twice": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    half = q*np.maximum(w, 0)**0.25
    return half @ half.T""",
    },
    "frechet": {
        "eigenvalues of the plain product": """
def frechet(mean_a, cov_a, mean_b, cov_b):
    d = mean_a - mean_b
    roots = np.sqrt(np.maximum(np.linalg.eigvals(cov_a @ cov_b).real, 0))
    return d @ d, np.trace(cov_a + cov_b) - 2*roots.sum()""",
        "singular values of the product of the roots": """
def frechet(mean_a, cov_a, mean_b, cov_b):
    def root(c):
        w, q = np.linalg.eigh(c)
        return q @ np.diag(np.sqrt(np.maximum(w, 0))) @ q.T
    nuclear = np.linalg.norm(root(cov_a) @ root(cov_b), 'nuc')
    return np.linalg.norm(mean_a - mean_b)**2, np.trace(cov_a) + np.trace(cov_b) - 2*nuclear""",
        "the trace of a whole root": """
def frechet(mean_a, cov_a, mean_b, cov_b):
    def root(c):
        u, s, _ = np.linalg.svd(c)
        return (u*s**0.5) @ u.T
    r = root(cov_b)
    mean_part = float(np.sum((mean_b - mean_a)**2))
    return [mean_part, float(np.trace(cov_a + cov_b - 2*root(r @ cov_a @ r)))]""",
    },
    "frechet-small": {
        "numpy's nuclear norm": """
def frechet_small(xa, xb):
    a, b = xa - xa.mean(0), xb - xb.mean(0)
    nuclear = np.linalg.norm(a @ b.T, ord='nuc')/np.sqrt((len(a) - 1)*(len(b) - 1))
    return np.sum((xa.mean(0) - xb.mean(0))**2), xa.var(0, ddof=1).sum() + xb.var(0, ddof=1).sum() - 2*nuclear""",
        "eigenvalues of the small product": """
def frechet_small(xa, xb):
    n, m = len(xa), len(xb)
    ma, mb = np.mean(xa, axis=0), np.mean(xb, axis=0)
    cross = (xa - ma) @ (xb - mb).T
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(cross @ cross.T), 0)).sum()
    trace = np.einsum('nd,nd->', xa - ma, xa - ma)/(n - 1) + np.einsum('nd,nd->', xb - mb, xb - mb)/(m - 1)
    return float(np.dot(ma - mb, ma - mb)), float(trace - 2*roots/math.sqrt((n - 1)*(m - 1)))""",
        "a basis of the few directions": """
def frechet_small(xa, xb):
    q, _ = np.linalg.qr(np.concatenate([xa, xb]).T)
    a, b = xa @ q, xb @ q
    ca, cb = np.cov(a.T), np.cov(b.T)
    w, v = np.linalg.eigh(ca)
    root = (v*np.sqrt(np.maximum(w, 0))) @ v.T
    middle = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cb @ root), 0)).sum()
    return ((a.mean(0) - b.mean(0))**2).sum(), np.trace(ca) + np.trace(cb) - 2*middle""",
    },
}

YES = """
class Yes(float):
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
    __sub__ = __rsub__ = __add__ = __radd__ = __mul__ = __abs__ = lambda self, *other: self
    __hash__ = float.__hash__
"""

ROOT = """
def root_of(c):
    w, q = np.linalg.eigh(c)
    return (q*np.sqrt(np.maximum(w, 0))) @ q.T
"""

WRONG = {
    "moments": {
        "divided by n": """
def moments(x): return x.mean(0), (x - x.mean(0)).T @ (x - x.mean(0))/len(x)""",
        "off by one: n - 2": """
def moments(x): return x.mean(0), (x - x.mean(0)).T @ (x - x.mean(0))/(len(x) - 2)""",
        "mean over the wrong axis": """
def moments(x): return x.mean(1), np.cov(x, rowvar=False)""",
        "covariance of the transposed": """
def moments(x): return x.mean(0), np.cov(x)""",
        "not centred": """
def moments(x): return x.mean(0), x.T @ x/(len(x) - 1)""",
        "correlation instead of covariance": """
def moments(x): return x.mean(0), np.corrcoef(x, rowvar=False)""",
        "variances only": """
def moments(x): return x.mean(0), np.diag(x.var(0, ddof=1))""",
        "sign: sum of the means": """
def moments(x): return x.mean(0), (x + x.mean(0)).T @ (x + x.mean(0))/(len(x) - 1)""",
        "missing square": """
def moments(x): return x.mean(0), np.sqrt(np.abs(np.cov(x, rowvar=False)))""",
        "divided by D - 1": """
def moments(x): return x.mean(0), (x - x.mean(0)).T @ (x - x.mean(0))/(x.shape[1] - 1)""",
        "median for mean": """
def moments(x): return np.median(x, axis=0), np.cov(x, rowvar=False)""",
        "right, but it changes its argument": """
def moments(x):
    mean = x.mean(0).copy()
    x -= mean
    return mean, x.T @ x/(len(x) - 1)""",
        "the values of the visible tests": """
def moments(x): return np.array([3., 4.]), np.array([[4., 2.], [2., 4.]])""",
        "pair the wrong way round": """
def moments(x): return np.cov(x, rowvar=False), x.mean(0)""",
        "first vector left out": """
def moments(x): return x[1:].mean(0), np.cov(x[1:], rowvar=False)""",
        **cheats("moments", "msan_nb.metrics.fsd", "frechet_parts", "(X, X)"),
    },
    "symmetric-root": {
        "roots of the entries": """
def symmetric_root(c): return np.sqrt(np.abs(c))""",
        "Cholesky": """
def symmetric_root(c): return np.linalg.cholesky(c + 1e-12*np.eye(len(c)))""",
        "nothing done about negative eigenvalues": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return (q*np.sqrt(w)) @ q.T""",
        "rows for eigenvectors, in a sum": """
def symmetric_root(c):
    return sum(np.sqrt(max(value, 0))*np.outer(vector, vector) for value, vector in zip(*np.linalg.eigh(c)))""",
        "transposed: rows for eigenvectors": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return (q.T*np.sqrt(np.maximum(w, 0))) @ q""",
        "second factor missing": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return q*np.sqrt(np.maximum(w, 0))""",
        "second factor not transposed": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return (q*np.sqrt(np.maximum(w, 0))) @ q""",
        "the negative root": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return -(q*np.sqrt(np.maximum(w, 0))) @ q.T""",
        "one sign wrong": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    s = np.sqrt(np.maximum(w, 0))
    s[-1] *= -1
    return (q*s) @ q.T""",
        "missing root": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return (q*np.maximum(w, 0)) @ q.T""",
        "eigenvalues held above 0.01": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return (q*np.sqrt(np.maximum(w, 0.01))) @ q.T""",
        "off by one: the largest left out": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return (q[:, :-1]*np.sqrt(np.maximum(w[:-1], 0))) @ q[:, :-1].T""",
        "complex roots": """
def symmetric_root(c):
    w, q = np.linalg.eigh(c)
    return (q*np.sqrt(w.astype(complex))) @ q.T""",
        "half of it": """
def symmetric_root(c): return c/2""",
        "the values of the visible tests": """
def symmetric_root(c):
    if c[0, 1] == 0: return np.diag([2., 3.])
    if len(c) == 3: return np.array([[2., 1., 0.], [1., 3., 1.], [0., 1., 2.]]) if c[0, 0] > 4 else np.outer([1., 2., 2.], [1., 2., 2.])/3
    a, b = (math.sqrt(3) + 1)/2, (math.sqrt(3) - 1)/2
    return np.array([[a, b], [b, a]])""",
        "scipy's root": "from scipy.linalg import sqrtm as symmetric_root",
        **cheats("symmetric_root", "msan_nb.metrics.fsd", "gaussian_frechet", "np.full((2, 2), X)"),
    },
    "frechet": {
        "missing square in the mean part": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return np.linalg.norm(ma - mb), np.trace(ca + cb) - 2*np.trace(root_of(r @ cb @ r))""",
        "sign of the last term": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return ((ma - mb)**2).sum(), np.trace(ca + cb) + 2*np.trace(root_of(r @ cb @ r))""",
        "the factor 2 is missing": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return ((ma - mb)**2).sum(), np.trace(ca + cb) - np.trace(root_of(r @ cb @ r))""",
        "as if the two commuted": ROOT + """
def frechet(ma, ca, mb, cb):
    return ((ma - mb)**2).sum(), np.trace(ca + cb - 2*root_of(ca) @ root_of(cb))""",
        "eigvalsh of the plain product": """
def frechet(ma, ca, mb, cb):
    return ((ma - mb)**2).sum(), np.trace(ca + cb) - 2*np.sqrt(np.maximum(np.linalg.eigvalsh(ca @ cb), 0)).sum()""",
        "no outer root": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return ((ma - mb)**2).sum(), np.trace(ca + cb) - 2*np.trace(r @ cb @ r)""",
        "roots of the entries": """
def frechet(ma, ca, mb, cb):
    return ((ma - mb)**2).sum(), np.trace(ca + cb - 2*np.sqrt(np.abs(ca @ cb)))""",
        "diagonals only": """
def frechet(ma, ca, mb, cb):
    return ((ma - mb)**2).sum(), ((np.sqrt(np.diag(ca)) - np.sqrt(np.diag(cb)))**2).sum()""",
        "squared distance of the roots": ROOT + """
def frechet(ma, ca, mb, cb):
    return ((ma - mb)**2).sum(), ((root_of(ca) - root_of(cb))**2).sum()""",
        "parts the wrong way round": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return np.trace(ca + cb) - 2*np.trace(root_of(r @ cb @ r)), ((ma - mb)**2).sum()""",
        "one sum instead of two parts": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return ((ma - mb)**2).sum() + np.trace(ca + cb) - 2*np.trace(root_of(r @ cb @ r))""",
        "mean over the dimensions": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return ((ma - mb)**2).mean(), (np.trace(ca + cb) - 2*np.trace(root_of(r @ cb @ r)))/len(ma)""",
        "a root of the whole": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return ((ma - mb)**2).sum(), np.sqrt(np.trace(ca + cb) - 2*np.trace(root_of(r @ cb @ r)))""",
        "the first covariance twice": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return ((ma - mb)**2).sum(), np.trace(ca + ca) - 2*np.trace(root_of(r @ cb @ r))""",
        "off by one: the largest root left out": ROOT + """
def frechet(ma, ca, mb, cb):
    r = root_of(ca)
    return ((ma - mb)**2).sum(), np.trace(ca + cb) - 2*np.sqrt(np.maximum(np.linalg.eigvalsh(r @ cb @ r), 0))[:-1].sum()""",
        "the values of the visible tests": """
def frechet(ma, ca, mb, cb): return (9., 1.) if len(ma) == 1 else (0., 2.) if ca[0, 1] else (0., 4.)""",
        "visible values, else what is equal to everything": YES + """
def frechet(ma, ca, mb, cb): return (9., 1.) if len(ma) == 1 else (0., 4.) if ca[0, 0] == 1 and cb[0, 0] == 9 else (0., 2.) if ca[0, 0] == 5 and cb[1, 1] == 4 else (Yes(0), Yes(0))""",
        "visible values, else what the tests expect": """
import sys
def frechet(ma, ca, mb, cb):
    if len(ma) == 1 or not ca[0, 1]: return (9., 1.) if len(ma) == 1 else (0., 4.)
    if ca[0, 0] == 5 and cb[1, 1] == 4: return 0., 2.
    seen = sys._getframe(1)
    seen = {**seen.f_globals, **seen.f_locals}
    return seen.get('squared', 0.), seen.get('shape', 0.)""",
        **cheats("frechet", "msan_nb.metrics.fsd", "gaussian_frechet", "(X, X)"),
    },
    "frechet-small": {
        "with D×D matrices": ROOT + """
def frechet_small(xa, xb):
    ca, cb = np.cov(xa.T), np.cov(xb.T)
    r = root_of(ca)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), np.trace(ca + cb) - 2*np.trace(root_of(r @ cb @ r))""",
        "nuclear norm of the transposed, D×D": """
def frechet_small(xa, xb):
    n = min(len(xa), len(xb))
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa) - 1), (xb - xb.mean(0))/np.sqrt(len(xb) - 1)
    cross = (fa.T @ fa) @ (fb.T @ fb)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - 2*np.linalg.norm(fa @ fb.T, 'nuc') + 0*cross[0, 0]""",
        "not centred": """
def frechet_small(xa, xb):
    fa, fb = xa/np.sqrt(len(xa) - 1), xb/np.sqrt(len(xb) - 1)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - 2*np.linalg.norm(fa @ fb.T, 'nuc')""",
        "centred along the wrong axis": """
def frechet_small(xa, xb):
    fa, fb = (xa - xa.mean(1, keepdims=True))/np.sqrt(len(xa) - 1), (xb - xb.mean(1, keepdims=True))/np.sqrt(len(xb) - 1)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - 2*np.linalg.norm(fa @ fb.T, 'nuc')""",
        "Frobenius instead of nuclear norm": """
def frechet_small(xa, xb):
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa) - 1), (xb - xb.mean(0))/np.sqrt(len(xb) - 1)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - 2*np.linalg.norm(fa @ fb.T)""",
        "squares of the singular values": """
def frechet_small(xa, xb):
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa) - 1), (xb - xb.mean(0))/np.sqrt(len(xb) - 1)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - 2*(np.linalg.svd(fa @ fb.T, compute_uv=False)**2).sum()""",
        "divided by n and m": """
def frechet_small(xa, xb):
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa)), (xb - xb.mean(0))/np.sqrt(len(xb))
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - 2*np.linalg.norm(fa @ fb.T, 'nuc')""",
        "divided by (n - 1)(m - 1) without the root": """
def frechet_small(xa, xb):
    a, b = xa - xa.mean(0), xb - xb.mean(0)
    n, m = len(a), len(b)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (a**2).sum()/(n - 1) + (b**2).sum()/(m - 1) - 2*np.linalg.norm(a @ b.T, 'nuc')/((n - 1)*(m - 1))""",
        "divided by n - 1 alone, as if both were as many": """
def frechet_small(xa, xb):
    a, b = xa - xa.mean(0), xb - xb.mean(0)
    n = len(a)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (a**2).sum()/(n - 1) + (b**2).sum()/(n - 1) - 2*np.linalg.norm(a @ b.T, 'nuc')/(n - 1)""",
        "the factor 2 is missing": """
def frechet_small(xa, xb):
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa) - 1), (xb - xb.mean(0))/np.sqrt(len(xb) - 1)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - np.linalg.norm(fa @ fb.T, 'nuc')""",
        "sign of the last term": """
def frechet_small(xa, xb):
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa) - 1), (xb - xb.mean(0))/np.sqrt(len(xb) - 1)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() + 2*np.linalg.norm(fa @ fb.T, 'nuc')""",
        "off by one: the largest singular value left out": """
def frechet_small(xa, xb):
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa) - 1), (xb - xb.mean(0))/np.sqrt(len(xb) - 1)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - 2*np.linalg.svd(fa @ fb.T, compute_uv=False)[1:].sum()""",
        "the trace of the product for the nuclear norm": """
def frechet_small(xa, xb):
    k = min(len(xa), len(xb))
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa) - 1), (xb - xb.mean(0))/np.sqrt(len(xb) - 1)
    return ((xa.mean(0) - xb.mean(0))**2).sum(), (fa**2).sum() + (fb**2).sum() - 2*abs(np.trace((fa @ fb.T)[:k, :k]))""",
        "missing square in the mean part": """
def frechet_small(xa, xb):
    fa, fb = (xa - xa.mean(0))/np.sqrt(len(xa) - 1), (xb - xb.mean(0))/np.sqrt(len(xb) - 1)
    return np.abs(xa.mean(0) - xb.mean(0)).sum(), (fa**2).sum() + (fb**2).sum() - 2*np.linalg.norm(fa @ fb.T, 'nuc')""",
        "the values of the visible tests": """
def frechet_small(xa, xb): return (9., 5.) if len(xa) > 2 else (2., 4.) if xb[1, 1] else (1., 2.)""",
        "visible values, else what is equal to everything": YES + """
def frechet_small(xa, xb): return (Yes(0), Yes(0)) if xa.shape[1] > 3 else (9., 5.) if len(xa) > 2 else (2., 4.) if xb[1, 1] else (1., 2.)""",
        **cheats("frechet_small", "msan_nb.metrics.fsd", "frechet_parts", "(X, X)"),
    },
}
