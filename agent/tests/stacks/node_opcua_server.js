// A node-opcua server for the tests: every policy and every kind of login, small limits per request, values that stand and one that
// counts. Arguments: port, folder with cert.pem, key.pem and user.der, `strict` to trust no client it does not know,
// `machines` for a machine of OPC 40001-1 and one of OPC 30050, made of the OPC Foundation's own node sets. Says READY on standard
// output when it listens.
"use strict";
const fs = require("fs");
const path = require("path");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { MessageSecurityMode, SecurityPolicy } = require("node-opcua-secure-channel");
const { OPCUAServer } = require("node-opcua-server");
const { nodesets } = require("node-opcua-nodesets");
const { StatusCodes } = require("node-opcua-status-code");
const { DataType, Variant } = require("node-opcua-variant");

const [port, folder] = [Number(process.argv[2]), process.argv[3]];
const [strict, machines] = ["strict", "machines"].map((word) => process.argv[4] === word);
const trustedUser = fs.readFileSync(path.join(folder, "user.der"));

// Types and names are the node sets'; only the two machines' own names and node ids are ours.
function addMachines(space, own) {
    const index = (uri) => space.getNamespaceIndex(uri);
    const machinery = index("http://opcfoundation.org/UA/Machinery/");
    const di = index("http://opcfoundation.org/UA/DI/");
    const packml = index("http://opcfoundation.org/UA/PackML/");
    const lathe = own.addObject({
        organizedBy: space.findNode(`ns=${machinery};i=1001`),
        browseName: "Lathe",
        nodeId: "s=lathe",
    });
    space.findObjectType("MachineIdentificationType", machinery).instantiate({
        componentOf: lathe,
        browseName: { name: "Identification", namespaceIndex: di },
        namespace: own,
    });
    const state = space.findObjectType("MachineryItemState_StateMachineType", machinery).instantiate({
        componentOf: lathe,
        browseName: { name: "MachineryItemState", namespaceIndex: machinery },
        optionals: ["CurrentState.Number"],
        namespace: own,
    });
    state.currentState.setValueFromSource({ dataType: DataType.LocalizedText, value: { text: "Executing" } });
    space.findObjectType("PackMLBaseObjectType", packml).instantiate({
        organizedBy: space.rootFolder.objects,
        browseName: { name: "Wrapper", namespaceIndex: own.index },
        namespace: own,
    });
}

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
        nodeset_filename: machines
            ? [nodesets.standard, nodesets.di, nodesets.ia, nodesets.machinery, nodesets.packML]
            : [nodesets.standard],
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
    if (machines) {
        addMachines(space, own);
    }
    await server.start();
    process.stdout.write("READY\n");
}

main().catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
});
