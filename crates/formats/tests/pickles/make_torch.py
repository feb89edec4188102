"""Writes linear.pth as torch.save(model.state_dict()) does, without PyTorch: python3 make_torch.py.

weight is the transpose of a view (strides 1, 2), bias half precision from element 1 of its storage on.
"""
import collections, io, pathlib, pickle, struct, sys, types, zipfile

def module(name, **members):
    made = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__ = name, key
        setattr(made, key, value)
    sys.modules[name] = made

def rebuild(*arguments): pass
Float, Half, Long = (type(name + 'Storage', (), {}) for name in ('Float', 'Half', 'Long'))
module('torch', FloatStorage=Float, HalfStorage=Half, LongStorage=Long)
module('torch._utils', _rebuild_tensor_v2=rebuild)

class Storage:
    def __init__(self, *reference): self.reference = reference

class Tensor:
    def __init__(self, *arguments): self.arguments = arguments
    def __reduce__(self): return rebuild, self.arguments

class Pickler(pickle.Pickler):
    def persistent_id(self, value): return value.reference if isinstance(value, Storage) else None

def storage(kind, key, count): return Storage('storage', kind, key, 'cpu', count)
state = collections.OrderedDict()
state['layer.weight'] = Tensor(storage(Float, '0', 4), 0, (2, 2), (1, 2), False, collections.OrderedDict())
state['layer.bias'] = Tensor(storage(Half, '1', 3), 1, (2,), (1,), False, collections.OrderedDict())
state['count'] = Tensor(storage(Long, '2', 1), 0, (), (), False, collections.OrderedDict())
buffer = io.BytesIO()
Pickler(buffer, protocol=2).dump({'epoch': 3, 'state_dict': state})
path = pathlib.Path(__file__).with_name('linear.pth')
with zipfile.ZipFile(path, 'w') as archive:
    def put(name, data): archive.writestr(zipfile.ZipInfo('linear/' + name, (1980, 1, 1, 0, 0, 0)), data)
    put('data.pkl', buffer.getvalue())
    put('byteorder', b'little')
    put('data/0', struct.pack('<4f', 1, 3, 2, 4))
    put('data/1', struct.pack('<3e', 9, 0.5, -0.25))
    put('data/2', struct.pack('<q', 7))
    put('version', b'3\n')
