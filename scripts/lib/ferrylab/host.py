# SPDX-License-Identifier: GPL-2.0
"""This machine itself as the lab, where it can load modules and virtualize: found out by trying."""

import ctypes
import fcntl
import mmap
import os
import struct
import subprocess

from .errors import LabError
from .kernels import Kernel
from .splat import find

KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_RUN = 0xAE01, 0xAE41, 0xAE80
KVM_GET_VCPU_MMAP_SIZE, KVM_SET_USER_MEMORY_REGION = 0xAE04, 0x4020AE46
KVM_GET_SREGS, KVM_SET_SREGS, KVM_SET_REGS = 0x8138AE83, 0x4138AE84, 0x4090AE82
SREGS_SIZE, REGS_RIP, REGS_RFLAGS, EXIT_REASON, EXIT_HLT = 312, 128, 136, 8, 5


def runs_a_guest():
    """Run one HLT instruction in real mode under KVM; the exit tells whether KVM works."""
    fds = []
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        fds.append(kvm)
        vm = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
        fds.append(vm)
        ram = mmap.mmap(-1, 4096)
        ram[0] = 0xF4
        address = ctypes.addressof(ctypes.c_char.from_buffer(ram))
        fcntl.ioctl(vm, KVM_SET_USER_MEMORY_REGION, struct.pack("<IIQQQ", 0, 0, 0, 4096, address))
        vcpu = fcntl.ioctl(vm, KVM_CREATE_VCPU, 0)
        fds.append(vcpu)
        run = mmap.mmap(vcpu, fcntl.ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
        sregs = bytearray(SREGS_SIZE)
        fcntl.ioctl(vcpu, KVM_GET_SREGS, sregs)
        sregs[0:8] = bytes(8)  # cs.base
        sregs[12:14] = bytes(2)  # cs.selector
        fcntl.ioctl(vcpu, KVM_SET_SREGS, bytes(sregs))
        regs = bytearray(144)
        regs[REGS_RFLAGS] = 2
        fcntl.ioctl(vcpu, KVM_SET_REGS, bytes(regs))
        fcntl.ioctl(vcpu, KVM_RUN, 0)
        return struct.unpack_from("<I", run, EXIT_REASON)[0] == EXIT_HLT
    except OSError:
        return False
    finally:
        for fd in reversed(fds):
            os.close(fd)


def kernel(args):
    release = os.uname().release
    if os.geteuid():
        raise LabError("--host needs root")
    if not os.path.exists("/proc/modules"):
        raise LabError("this machine's kernel cannot load modules; leave out --host")
    if not args.bare and not os.path.exists(f"/lib/modules/{release}/build"):
        raise LabError(f"no headers of this machine's kernel {release} are installed; leave out --host")
    if not runs_a_guest():
        raise LabError("KVM does not run a guest on this machine; leave out --host")
    return Kernel(release, "", "/")


def run(args, chosen, work):
    loaded = []
    try:
        for module in work.modules:
            name = os.path.basename(module)[:-len(".ko")]
            if not os.path.isdir("/sys/module/" + name):
                if subprocess.call(["insmod", module]):
                    raise LabError(f"this machine does not load {module}; leave out --host")
                loaded.append(name)
        since = len(kernel_log())
        try:
            status = subprocess.call(args.command, env={**os.environ, **work.environment()},
                                     timeout=args.timeout)
        except subprocess.TimeoutExpired:
            status = 124
    finally:
        for name in reversed(loaded):
            subprocess.call(["rmmod", name])
    found = find("\n".join(kernel_log()[since:]))
    if found:
        work.tell("kernel splat", found)
        return 97
    return status


def kernel_log():
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout.splitlines()
