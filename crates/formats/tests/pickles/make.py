"""Writes the pickles and arrays of tests/pickle.rs and tests/numpy.rs: python3 make.py, with numpy.

They are committed, so that the tests need neither Python nor numpy.
"""
import pathlib, pickle, zipfile
import numpy as np

here = pathlib.Path(__file__).parent
pixels = (np.arange(2 * 3072) % 251).astype('u1').reshape(2, 3072)
batch = {b'batch_label': b'testing batch 1 of 1', b'labels': [3, 9], b'data': pixels, b'filenames': [b'a.png', b'b.png']}
for protocol in range(6):
    (here / f'batch_{protocol}.pkl').write_bytes(pickle.dumps(batch, protocol))
hundred = {'fine_labels': np.array([99, 0]), 'coarse_labels': [np.int64(19), np.int32(0)], 'data': np.asfortranarray(pixels)}
(here / 'hundred.pkl').write_bytes(pickle.dumps(hundred, 4))
values = {'n': None, 't': (True, False, ()), 'l': [1, -1, 255, 65535, -70000, 2**40, 2**70, -2**63], 'f': 0.1, 'e': 'é中', 'shared': None}
values['shared'] = [values['l'], values['l']]
for protocol in range(6):
    (here / f'values_{protocol}.pkl').write_bytes(pickle.dumps(values, protocol))
out = here.parent / 'numpy'
a = np.arange(-3, 3).reshape(2, 3)
for code in ('b1', 'u1', 'u2', 'u4', 'u8', 'i1', 'i2', 'i4', 'i8', 'f4', 'f8'):
    for order in '<>':
        np.save(out / f"{code}_{'le' if order == '<' else 'be'}.npy", np.abs(a).astype(order + code))
np.save(out / 'fortran.npy', np.asfortranarray(np.arange(24, dtype='i4').reshape(2, 3, 4)))
np.save(out / 'scalar.npy', np.float64(2.5))
np.save(out / 'objects.npy', np.array([{}], dtype=object), allow_pickle=True)
np.save(out / 'text.npy', np.array(['ab']))
with open(out / 'version_2.npy', 'wb') as file:
    np.lib.format.write_array(file, np.array([7], dtype='u1'), version=(2, 0))
np.savez(out / 'stored.npz', train_images=np.ones((2, 2, 2), 'u1'), train_labels=np.array([[0], [1]]))
np.savez_compressed(out / 'deflated.npz', train_images=np.ones((2, 2, 2), 'u1'), train_labels=np.array([[0], [1]]))
# For the data crate: MedMNIST's layout with colours and a validation part, and KMNIST-49's with a file for each array.
med = np.arange(2 * 4 * 3 * 3).astype('u1').reshape(2, 4, 3, 3)
np.savez_compressed(out / 'medmnist.npz', train_images=med, train_labels=np.array([[4], [2]], 'u1'), val_images=med,
                    val_labels=np.array([[4], [2]], 'u1'), test_images=med[:1], test_labels=np.array([[2]], 'u1'))
for part, count in (('train', 3), ('test', 2)):
    np.savez_compressed(out / f'k49-{part}-imgs.npz', np.full((count, 2, 2), 9, 'u1'))
    np.savez_compressed(out / f'k49-{part}-labels.npz', np.arange(count, dtype='u1'))
