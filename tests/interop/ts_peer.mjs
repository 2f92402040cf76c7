// ts-mls (TypeScript) as a peer: JSON lines in, JSON lines out, bytes in hex.
// The first argument is the folder that holds its node_modules.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const mls = await import(pathToFileURL(createRequire(`${folder}/here.js`).resolve("ts-mls")));

const toHex = (bytes) => Buffer.from(bytes).toString("hex");
const fromHex = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const wrap = (wireformat, field, value) =>
  toHex(mls.encodeMlsMessage({ version: "mls10", wireformat, [field]: value }));
const unwrap = (text) => {
  const bytes = fromHex(text);
  const found = mls.decodeMlsMessage(bytes, 0);
  if (!found || found[1] !== bytes.length) throw new Error("this is not one MLSMessage");
  return found[0];
};
const timed = async (call) => {
  const start = performance.now();
  const result = await call();
  return [result, performance.now() - start];
};

const suites = {};
async function suiteOf(id) {
  const name = Object.entries(mls.ciphersuites).find(([, value]) => value === id)[0];
  return (suites[id] ??= await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(name)));
}

// One member: its suite, its newest KeyPackage with its keys, and its group.
const members = {};

function makeKeyPackage(name, suite) {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return mls.generateKeyPackage(
    { credentialType: "basic", identity: new TextEncoder().encode(name) },
    { versions: ["mls10"], ciphersuites: [suite.name], extensions: [], proposals: [], credentials: ["basic", "x509"] },
    { notBefore: now - 3600n, notAfter: now + 86400n * 7n },
    [],
    suite,
  );
}

async function commit(member, proposals, isPrivate) {
  const [made, ms] = await timed(() =>
    mls.createCommit(
      { state: member.state, cipherSuite: member.suite },
      { extraProposals: proposals, ratchetTreeExtension: true, wireAsPublicMessage: !isPrivate },
    ));
  member.state = made.newState;
  const welcomes = made.welcome ? [wrap("mls_welcome", "welcome", made.welcome)] : [];
  return { commit: toHex(mls.encodeMlsMessage(made.commit)), welcomes, ms };
}

async function propose(member, proposal, isPrivate) {
  const made = await mls.createProposal(member.state, !isPrivate, proposal, member.suite);
  member.state = made.newState;
  return { data: toHex(mls.encodeMlsMessage(made.message)) };
}

async function take({ name, message }) {
  const member = members[name];
  const [done, ms] = await timed(() =>
    mls.processMessage(unwrap(message), member.state, mls.emptyPskIndex, mls.acceptAll, member.suite));
  member.state = done.newState;
  if (done.kind === "applicationMessage") return { kind: "application", data: toHex(done.message), ms };
  if (member.state.groupActiveState.kind !== "active") return { kind: "removed", ms };
  return { kind: Object.keys(member.state.unappliedProposals).length ? "proposal" : "commit", ms };
}

const addOf = (keyPackage) => ({ proposalType: "add", add: { keyPackage: unwrap(keyPackage).keyPackage } });
const removeOf = (leaf) => ({ proposalType: "remove", remove: { removed: leaf } });

const commands = {
  hello: () => ({ peer: "ts-mls", version: "1.6.4", suites: Object.values(mls.ciphersuites) }),
  client: async ({ name, suite = 1 }) => {
    members[name] = { suite: await suiteOf(suite) };
    return {};
  },
  key_package: async ({ name }) => {
    const member = members[name];
    const [made, ms] = await timed(() => makeKeyPackage(name, member.suite));
    member.keyPackage = made;
    return { data: wrap("mls_key_package", "keyPackage", made.publicPackage), ms };
  },
  create: async ({ name, group_id }) => {
    const member = members[name];
    const { publicPackage, privatePackage } = await makeKeyPackage(name, member.suite);
    member.state = await mls.createGroup(fromHex(group_id), publicPackage, privatePackage, [], member.suite);
    return {};
  },
  join: async ({ name, welcome }) => {
    const member = members[name];
    const { publicPackage, privatePackage } = member.keyPackage;
    const [state, ms] = await timed(() =>
      mls.joinGroup(unwrap(welcome).welcome, publicPackage, privatePackage, mls.emptyPskIndex, member.suite));
    member.state = state;
    return { ms };
  },
  commit_add: ({ name, key_packages, private: hidden }) => commit(members[name], key_packages.map(addOf), hidden),
  commit_remove: ({ name, leaf, private: hidden }) => commit(members[name], [removeOf(leaf)], hidden),
  commit_update: ({ name, private: hidden }) => commit(members[name], [], hidden),
  propose_add: ({ name, key_package, private: hidden }) => propose(members[name], addOf(key_package), hidden),
  propose_remove: ({ name, leaf, private: hidden }) => propose(members[name], removeOf(leaf), hidden),
  process: take,
  decrypt: take,
  encrypt: async ({ name, data }) => {
    const member = members[name];
    const [made, ms] = await timed(() =>
      mls.createApplicationMessage(member.state, fromHex(data), member.suite));
    member.state = made.newState;
    return { data: wrap("mls_private_message", "privateMessage", made.privateMessage), ms };
  },
  export: async ({ name, label, context, length }) => {
    const { state, suite } = members[name];
    const secret = state.keySchedule.exporterSecret;
    return { secret: toHex(await mls.mlsExporter(secret, label, fromHex(context), length, suite)) };
  },
  state: ({ name }) => {
    const { state } = members[name];
    return {
      epoch: Number(state.groupContext.epoch),
      members: state.ratchetTree.filter((node) => node?.nodeType === "leaf").length,
      own_leaf: state.privatePath.leafIndex,
      epoch_authenticator: toHex(state.keySchedule.epochAuthenticator),
    };
  },
  save_and_load: ({ name }) => {
    const member = members[name];
    const [state] = mls.decodeGroupState(mls.encodeGroupState(member.state), 0);
    member.state = { ...state, clientConfig: member.state.clientConfig };
    return {};
  },
  drop: ({ name }) => {
    delete members[name];
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const { cmd, ...request } = JSON.parse(line);
  if (cmd === "quit") break;
  let answer;
  try {
    if (!Object.hasOwn(commands, cmd)) throw new Error(`no command: ${cmd}`);
    answer = { ok: true, ...(await commands[cmd](request)) };
  } catch (error) {
    answer = { ok: false, error: `${error?.name}: ${error?.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
