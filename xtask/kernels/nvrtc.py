"""Compiles one .cu file to PTX with NVRTC: nvrtc.py LIBRARY SOURCE ARCHITECTURE OUTPUT

Headers are those beside the source, passed by name, so that no path gets into the result. This is a script rather than
a part of xtask because loading a library is unsafe code, which only plangrad-tensor may hold.
"""

import ctypes
import pathlib
import sys


def strings(values):
    return (ctypes.c_char_p * len(values))(*values)


class Nvrtc:
    """NVRTC's functions; any result other than 0 ends the program with NVRTC's message."""

    def __init__(self, library):
        self.library = ctypes.CDLL(library)
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def call(self, name, *arguments):
        code = getattr(self.library, name)(*arguments)
        if code:
            return self.library.nvrtcGetErrorString(code).decode()
        return None

    def must(self, name, *arguments):
        failure = self.call(name, *arguments)
        if failure:
            sys.exit(f"{name}: {failure}")

    def text(self, program, name):
        """The result of `nvrtcGet<name>`, without the zero byte at its end."""
        size = ctypes.c_size_t()
        self.must(f"nvrtcGet{name}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.must(f"nvrtcGet{name}", program, buffer)
        return buffer.value

    def compile(self, source, architecture):
        headers = sorted(source.parent.glob("*.cuh"))
        names = strings([header.name.encode() for header in headers])
        texts = strings([header.read_bytes() for header in headers])
        program = ctypes.c_void_p()
        create = (source.read_bytes(), source.name.encode(), len(headers), texts, names)
        self.must("nvrtcCreateProgram", ctypes.byref(program), *create)
        options = [b"--std=c++17", b"--gpu-architecture=compute_" + architecture.encode()]
        failure = self.call("nvrtcCompileProgram", program, len(options), strings(options))
        log = self.text(program, "ProgramLog").decode()
        if failure or log.strip():  # warnings are failures
            sys.exit(f"{source.name} for compute_{architecture}: {failure or 'warnings'}\n{log}")
        return self.text(program, "PTX")


def main(library, source, architecture, output):
    ptx = Nvrtc(library).compile(pathlib.Path(source), architecture)
    pathlib.Path(output).write_bytes(ptx)


if __name__ == "__main__":
    main(*sys.argv[1:])
