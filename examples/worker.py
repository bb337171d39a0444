# SPDX-License-Identifier: MIT
#
# A worker for worker_host, as worker.c is: squares the numbers that its channel
# brings. ctypes finds libweft where the system looks for libraries, or where
# LIBWEFT says.
import ctypes
import os
import sys

FOREVER = ctypes.c_uint64(2**64 - 1)
OK, CLOSED = 0, -6

weft = ctypes.CDLL(os.environ.get("LIBWEFT", "libweft.so"))
weft.weft_channel_adopt.argtypes = [
    ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_uint64,
    ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p,
]
weft.weft_channel_recv_until.argtypes = [
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_size_t), ctypes.c_uint64,
]
weft.weft_channel_send_until.argtypes = [
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64,
]
weft.weft_channel_close.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
weft.weft_channel_close.restype = None

channel = ctypes.c_void_p()
status = weft.weft_channel_adopt(-1, None, FOREVER, ctypes.byref(channel), None)
if status != OK:
    sys.exit(f"worker.py: cannot adopt the channel: status {status}")
number = ctypes.c_uint64()
size = ctypes.c_size_t()
while True:
    status = weft.weft_channel_recv_until(
        channel, ctypes.byref(number), 8, ctypes.byref(size), FOREVER)
    if status != OK:
        break
    while number.value == 0:
        pass  # Work that never ends, as bugs have it.
    number.value *= number.value
    status = weft.weft_channel_send_until(
        channel, ctypes.byref(number), 8, FOREVER)
    if status != OK:
        break
weft.weft_channel_close(ctypes.byref(channel))
sys.exit(0 if status == CLOSED else 1)
