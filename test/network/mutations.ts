/** Policies with one mistake each, for finding out whether the tests would notice it. */

/** What was changed, and the policies after it. */
export interface Mutation {
  readonly name: string;
  readonly policies: readonly any[];
}

const SIDES = [
  { type: "Ingress", field: "ingress", peers: "from" },
  { type: "Egress", field: "egress", peers: "to" },
] as const;
type Side = (typeof SIDES)[number];

const anyAddress = { ipBlock: { cidr: "0.0.0.0/0" } };
const anyAddressOf = ({ cidr }: { readonly cidr: string }) =>
  cidr.includes(":") ? { ipBlock: { cidr: "::/0" } } : anyAddress;
const [port, protocol] = [9999, "TCP"];

function without<T>(items: readonly T[], index: number): T[] {
  return items.filter((_, at) => at !== index);
}

/** A rule with one thing wrong, in each way. */
function brokenRules({ ports = [], ...rule }: any, { peers }: Side): [string, any][] {
  const given: any[] = rule[peers] ?? [];
  const broken: [string, any][] = [];
  if (given.length) broken.push(["for any peer", { ports }]);
  if (ports.length) broken.push(["for any port", rule]);
  if (ports.length > 1)
    ports.forEach((removed: any, index: number) =>
      broken.push([
        `without ${removed.protocol} ${removed.port}`,
        { ...rule, ports: without(ports, index) },
      ]),
    );
  given.forEach((peer, index) => {
    const change = (what: string, changed: any) =>
      broken.push([what, { [peers]: given.with(index, changed), ports }]);
    if (peer.podSelector) change("for pods of every namespace", { ...peer, namespaceSelector: {} });
    if (peer.ipBlock) change("for every address", anyAddressOf(peer.ipBlock));
    if (given.length > 1)
      broken.push([`without peer ${index}`, { [peers]: without(given, index), ports }]);
  });
  return broken;
}

/** The rules of one side of a policy, broken in each way. */
function brokenSide(policy: any, side: Side): [string, any[]][] {
  const rules: any[] = policy.spec[side.field] ?? [];
  const added: [string, any[]][] = [
    ["with a rule for everything", [...rules, {}]],
    [
      "with a rule for neighbours",
      [...rules, { [side.peers]: [{ podSelector: {} }], ports: [{ port, protocol }] }],
    ],
    [
      "with a rule for any address",
      [...rules, { [side.peers]: [anyAddress], ports: [{ port, protocol }] }],
    ],
  ];
  const changed = rules.flatMap((rule, index): [string, any[]][] => [
    [`without rule ${index}`, without(rules, index)],
    ...brokenRules(rule, side).map(([name, broken]): [string, any[]] => [
      `rule ${index} ${name}`,
      rules.with(index, broken),
    ]),
  ]);
  return [...added, ...changed];
}

/** Every policy removed, and every rule of every policy removed, widened or joined by another. */
export function mutations(policies: readonly any[]): Mutation[] {
  return policies.flatMap((policy, index) => {
    const { name } = policy.metadata;
    const sides = SIDES.filter(({ type }) => policy.spec.policyTypes.includes(type));
    return [
      { name: `no policy ${name}`, policies: without(policies, index) },
      ...sides.flatMap((side) =>
        brokenSide(policy, side).map(([what, rules]) => ({
          name: `policy ${name}: ${side.field} ${what}`,
          policies: policies.with(index, {
            ...policy,
            spec: { ...policy.spec, [side.field]: rules },
          }),
        })),
      ),
    ];
  });
}
