"""An asyncua server for the tests: every policy and every kind of login, values that stand and one that counts.

Arguments: port, folder with cert.der, key.pem and stranger.der. Says READY on standard output when it listens. A file named `late` in
the folder makes another namespace and a counting node in it.
"""

import asyncio
import logging
import pathlib
import sys

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
# asyncua hands over the channel's certificate where there is no user's: a stranger is told by name, everybody else may come in.
stranger = (folder / "stranger.der").read_bytes()


class Users(UserManager):
    """One name with a password, and everybody but the stranger without."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is not None:
            right = username == "monitor" and password == "right"
            return User(role=UserRole.User) if right else None
        return None if certificate == stranger else User(role=UserRole.User)


async def main():
    server = Server(user_manager=Users())
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    await server.set_application_uri("urn:test:server")
    server.set_security_policy(
        [
            ua.SecurityPolicyType.NoSecurity,
            ua.SecurityPolicyType.Basic256Sha256_Sign,
            ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
            ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
            ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
        ]
    )
    server.set_identity_tokens([ua.AnonymousIdentityToken, ua.UserNameIdentityToken, ua.X509IdentityToken])
    await server.load_certificate(str(folder / "cert.der"))
    await server.load_private_key(str(folder / "key.pem"))
    index = await server.register_namespace("urn:test:machine")
    machine = await server.nodes.objects.add_object(ua.NodeId("machine", index), "Machine")

    async def stands(name, value, kind):
        return await machine.add_variable(ua.NodeId(name, index), name, value, kind)

    await stands("parts", 41, ua.VariantType.UInt32)
    await stands("program", "O1001", ua.VariantType.String)
    await stands("power", 1.25, ua.VariantType.Double)
    await stands("switch", True, ua.VariantType.Boolean)
    state = await stands("state", 0, ua.VariantType.Int32)
    async with server:
        print("READY", flush=True)
        count, late = 0, None
        while True:
            await asyncio.sleep(0.05)
            count += 1
            await state.write_value(count, ua.VariantType.Int32)
            if late is None and (folder / "late").exists():
                index = await server.register_namespace("urn:test:late")
                late = await machine.add_variable(ua.NodeId("late", index), "late", 0, ua.VariantType.Int32)
            if late is not None:
                await late.write_value(count, ua.VariantType.Int32)


logging.basicConfig(level=logging.WARNING)
asyncio.run(main())
