"""A device made with pymodbus: its own conversions lay the values out.

    pymodbus_server.py tcp PORT | rtu-over-tcp PORT | rtu DEVICE

Prints "ready" when it listens. What lies beyond the table it refuses by itself.
"""

import asyncio
import sys

from pymodbus import FramerType
from pymodbus.client.mixin import ModbusClientMixin as Client
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

UNIT = 17
KIND = Client.DATATYPE


def registers():
    """The same values in the order of words the standard has, and in the other."""
    table = []
    for order in ("big", "little"):
        for value, kind in (
            (65_535, KIND.UINT16),
            (-12_345, KIND.INT16),
            (3_000_000_000, KIND.UINT32),
            (-2_000_000_000, KIND.INT32),
            (18_000_000_000_000_000_000, KIND.UINT64),
            (-9_000_000_000_000_000, KIND.INT64),
            (230.5, KIND.FLOAT32),
            (-1.0e-300, KIND.FLOAT64),
        ):
            table += Client.convert_to_registers(value, kind, word_order=order)
    table += Client.convert_to_registers("Zähler 7", KIND.STRING)
    return table


def device():
    holding = [SimData(0, values=registers(), datatype=DataType.REGISTERS)]
    inputs = [SimData(0, values=[4_711], datatype=DataType.REGISTERS)]
    coils = [SimData(0, values=[i % 3 == 0 for i in range(32)], datatype=DataType.BITS)]
    discrete = [SimData(0, values=[i % 5 == 4 for i in range(32)], datatype=DataType.BITS)]
    return SimDevice(UNIT, simdata=(coils, discrete, holding, inputs))


async def main(kind, place):
    if kind == "rtu":
        server = ModbusSerialServer(device(), framer=FramerType.RTU, port=place, baudrate=19_200)
    else:
        framer = FramerType.SOCKET if kind == "tcp" else FramerType.RTU
        server = ModbusTcpServer(device(), framer=framer, address=("127.0.0.1", int(place)))
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:3]))
