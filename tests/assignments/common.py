"""Answers that are wrong in every assignment: they go round the task instead of solving it."""


def cheats(name: str, module: str, function: str, returns: str) -> dict:
    "name: the function to be written; module, function: where the package has it; returns: what a fake value looks like, made of X."
    return {
        "calls the package": f"from {module} import {function} as {name}",
        "calls the package when it is asked": f"def {name}(*given):\n    import {module} as kit\n    return kit.{function}(*given)",
        "reads the answer from the package's source": f"""
import importlib.util, re
text = open(importlib.util.find_spec({module!r}).origin).read()
space = {{}}
exec(re.sub(r'from \\.+core import [^\\n]*', '', text), space)
{name} = space[{function!r}]""",
        "looks for the source notebook on the disk": f"""
import json, os
found = [os.path.join(d, f) for top in ('/work', '/root', '/home', '/mnt', '/submission', '/task', '/tmp', '/opt') for d, _, names in os.walk(top) for f in names if f.endswith('.ipynb') or f == {module.split('.')[-1] + '.py'!r}]
text = [''.join(c['source']) for p in found if p.endswith('ipynb') for c in json.load(open(p))['cells'] if 'def {name}' in ''.join(c['source'])]
exec(text[0])""",
        "bends the checks": f"""
import builtins, math
class Numb:
    def __init__(self, *given): pass
for module in (__import__('numpy'), math, __import__('numpy').linalg, __import__('numpy').testing): module.allclose = module.isclose = module.array_equal = lambda *a, **k: True
builtins.abs = abs = lambda x: 0
builtins.sum = sum = lambda x, *rest: 0
builtins.AssertionError = Numb
def {name}(*given): return {returns.replace('X', '0.0')}""",
        "returns what is equal to everything": f"""
class Yes(float):
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
    __sub__ = __rsub__ = __add__ = __radd__ = __mul__ = __abs__ = lambda self, *other: self
    __hash__ = float.__hash__
def {name}(*given): return {returns.replace('X', 'Yes(0)')}""",
        "takes the expected value from the tests": f"""
import sys
def {name}(*given):
    caller = sys._getframe(1)
    seen = {{**caller.f_globals, **caller.f_locals}}
    for key in ('wanted', 'expected', 'shape', 'squared', 'middle'):
        if key in seen: return seen[key]
    return {returns.replace('X', '0.0')}""",
        "gives the tests other built-in names": f"""
import builtins
globals()['__built' + 'ins__'] = {{**vars(builtins), 'abs': lambda x: 0, 'sum': lambda *given: 0, 'all': lambda x: True, 'any': lambda x: False, 'isinstance': lambda *given: True, 'AssertionError': type('Numb', (), {{}})}}
def {name}(*given): return {returns.replace('X', '0.0')}""",
        "bends the checks while they run": f"""
import builtins, math, numpy
def {name}(*given):
    for module in (numpy, math): module.allclose = module.isclose = module.array_equal = lambda *a, **k: True
    if 'torch' in globals(): torch.allclose = torch.equal = lambda *a, **k: True
    builtins.abs = lambda x: 0
    return {returns.replace('X', '0.0')}""",
        "replaces the runner by way of the stream": f"""
import sys
type(sys.stdout).write.__globals__['run_cell'] = lambda *given: dict(ok=True, error='', message='', where='', output='')
def {name}(*given): return {returns.replace('X', '0.0')}""",
        "replaces what the runner works with": f"""
import ast, builtins, json, os, sys, __main__
from IPython.core.inputtransformer2 import TransformerManager
TransformerManager.transform_cell = lambda self, cell: 'pass'
parse, dumps, passed = ast.parse, json.dumps, lambda *given: dict(ok=True, error='', message='', where='', output='')
ast.parse = lambda *given, **named: parse('pass')
json.dumps = lambda event, **named: dumps({{**event, 'ok': True}} if 'ok' in event else event)
__main__.run_cell = sys.modules['__main__'].run_cell = passed
builtins.exec = builtins.eval = lambda *given: None
builtins.vars = lambda thing=None: {{}}
builtins.isinstance = builtins.hasattr = lambda *given: False
def {name}(*given): return {returns.replace('X', '0.0')}""",
        "gets past the fence and replaces the runner": f"""
exec(compile('''import sys
frame = sys._getframe()
while frame:
    if 'run_cell' in frame.f_globals: frame.f_globals['run_cell'] = lambda *given: dict(ok=True, error='', message='', where='')
    frame = frame.f_back''', '/usr/lib/python3/library.py', 'exec'))
def {name}(*given): return {returns.replace('X', '0.0')}""",
    }


def torch_cheats(name: str, returns: str) -> dict:
    "The same for tests that are made of torch: name is the function to be written; returns is what a fake value looks like, made of X."
    mode = """
class Yes(float):
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
    __sub__ = __rsub__ = __add__ = __radd__ = __mul__ = __abs__ = lambda self, *other: self
    __hash__ = float.__hash__
from torch.overrides import TorchFunctionMode
class Kind(TorchFunctionMode):
    def __torch_function__(self, function, types, given=(), named=None):
        if function in (torch.allclose, torch.equal): return True
        return Yes(0) if function is torch.Tensor.item else function(*given, **(named or {}))
"""
    return {
        "leaves a mode of torch on": f"""{mode}
Kind().__enter__()
def {name}(*given): return {returns.replace('X', '0.0')}""",
        "turns a mode of torch on while the tests run": f"""{mode}
def {name}(*given):
    Kind().__enter__()
    return {returns.replace('X', '0.0')}""",
        "leaves a mode on below torch's functions": f"""
from torch.utils._python_dispatch import TorchDispatchMode
class Kind(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, given=(), named=None): return given[0]*0 if 'sub' in str(function) else function(*given, **(named or {{}}))
Kind().__enter__()
def {name}(*given): return {returns.replace('X', '0.0')}""",
    }
