// A node-opcua server for the tests: every policy and every kind of login, small limits per request, values that stand and one that
// counts. Arguments: port, folder with cert.pem, key.pem and user.der, `strict` to trust no client it does not know. Says READY on
// standard output when it listens.
"use strict";
const fs = require("fs");
const path = require("path");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { MessageSecurityMode, SecurityPolicy } = require("node-opcua-secure-channel");
const { OPCUAServer } = require("node-opcua-server");
const { StatusCodes } = require("node-opcua-status-code");
const { DataType, Variant } = require("node-opcua-variant");

const [port, folder, strict] = [Number(process.argv[2]), process.argv[3], process.argv[4] === "strict"];
const trustedUser = fs.readFileSync(path.join(folder, "user.der"));

async function main() {
    const manager = new OPCUACertificateManager({
        automaticallyAcceptUnknownCertificate: !strict,
        rootFolder: path.join(folder, strict ? "strict-pki" : "pki"),
    });
    const users = new OPCUACertificateManager({
        automaticallyAcceptUnknownCertificate: false,
        rootFolder: path.join(folder, "user-pki"),
    });
    await manager.initialize();
    await users.initialize();
    await users.trustCertificate(trustedUser);
    const server = new OPCUAServer({
        port,
        host: "127.0.0.1",
        hostname: "127.0.0.1",
        certificateFile: path.join(folder, "cert.pem"),
        privateKeyFile: path.join(folder, "key.pem"),
        serverCertificateManager: manager,
        userCertificateManager: users,
        serverInfo: { applicationUri: "urn:test:server" },
        securityPolicies: [
            SecurityPolicy.None,
            SecurityPolicy.Basic256Sha256,
            SecurityPolicy.Aes128_Sha256_RsaOaep,
            SecurityPolicy.Aes256_Sha256_RsaPss,
        ],
        securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
        allowAnonymous: true,
        userManager: {
            isValidUser: (name, password) => name === "monitor" && password === "right",
        },
        serverCapabilities: {
            operationLimits: { maxNodesPerRead: 3, maxMonitoredItemsPerCall: 2, maxNodesPerBrowse: 2 },
        },
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    const own = space.registerNamespace("urn:test:machine");
    const machine = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Machine", nodeId: "s=machine" });
    const stands = (name, dataType, value) =>
        own.addVariable({
            componentOf: machine,
            browseName: name,
            nodeId: `s=${name}`,
            dataType,
            value: { get: () => new Variant({ dataType, value }) },
        });
    stands("parts", DataType.UInt32, 41);
    stands("program", DataType.String, "O1001");
    stands("power", DataType.Double, 1.25);
    stands("switch", DataType.Boolean, true);
    let count = 0;
    const state = own.addVariable({ componentOf: machine, browseName: "state", nodeId: "s=state", dataType: "Int32" });
    const tell = () => state.setValueFromSource({ dataType: DataType.Int32, value: count }, StatusCodes.Good, new Date());
    tell();
    setInterval(() => {
        count += 1;
        tell();
    }, 50);
    await server.start();
    process.stdout.write("READY\n");
}

main().catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
});
