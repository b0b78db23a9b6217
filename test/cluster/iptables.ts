import { networks } from './addresses.ts';
import { run } from './run.ts';

/** Chains that Kubernetes, its network plugins and we make. */
const ours = /^(KUBE|CNI|MODELFLEET)-/;
const families = ['iptables', 'ip6tables'] as const;

/** The names (`table/chain`) of chains like ours that are there now: those of another cluster, which must stay. */
export async function foreignChains(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const family of families) {
    for (const [table, lines] of tables(await save(family))) {
      for (const chain of chainsOf(lines)) if (ours.test(chain)) found.push(`${family}/${table}/${chain}`);
    }
  }
  return found;
}

/** Lets pods' packets through where something else, such as a Docker engine, drops what it does not know. */
export async function admitPods(): Promise<void> {
  const rules = ['-s', '-d'].map((side) => `-A MODELFLEET-FORWARD ${side} ${networks.pods} -j ACCEPT`);
  const lines = ['*filter', ':MODELFLEET-FORWARD - [0:0]', ...rules, '-I FORWARD 1 -j MODELFLEET-FORWARD', 'COMMIT', ''];
  await run('iptables-restore', ['--noflush', '--wait', '5'], { input: lines.join('\n') });
}

/** Removes every chain that came since, with the rules that lead there. */
export async function removeChains(foreign: readonly string[]): Promise<void> {
  for (const family of families) {
    const kept = new Set(foreign.filter((name) => name.startsWith(`${family}/`)).map((name) => name.slice(family.length + 1)));
    const script = removal(await save(family), kept);
    if (script !== '') await run(`${family}-restore`, ['--noflush', '--wait', '5'], { input: script });
  }
}

/** What iptables-restore must be told to undo our chains, given what iptables-save says; empty when there is nothing to do. */
export function removal(saved: string, kept: ReadonlySet<string>): string {
  const script: string[] = [];
  for (const [table, lines] of tables(saved)) {
    const doomed = new Set(chainsOf(lines).filter((chain) => ours.test(chain) && !kept.has(`${table}/${chain}`)));
    if (doomed.size === 0) continue;
    const leadsThere = lines.filter((line) => {
      const [, chain = '', target = ''] = /^-A (\S+) .*-[jg] (\S+)/.exec(line) ?? [];
      return doomed.has(target) && !doomed.has(chain);
    });
    // Naming a chain empties it; only an empty chain that nothing leads to can be deleted.
    script.push(
      `*${table}`,
      ...[...doomed].map((chain) => `:${chain} - [0:0]`),
      ...leadsThere.map((line) => line.replace(/^-A/, '-D')),
      ...[...doomed].map((chain) => `-X ${chain}`),
      'COMMIT',
    );
  }
  return script.length > 0 ? `${script.join('\n')}\n` : '';
}

function tables(saved: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let table = '';
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (line !== 'COMMIT' && line !== '' && !line.startsWith('#')) found.set(table, [...(found.get(table) ?? []), line]);
  }
  return found;
}

function chainsOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.startsWith(':') ? [line.slice(1).split(' ')[0] ?? ''] : []));
}

async function save(family: (typeof families)[number]): Promise<string> {
  if (family === 'iptables') return run('iptables-save', []);
  // A kernel without IPv6 has no such tables, and then nothing of ours in them.
  return run('ip6tables-save', []).catch(() => '');
}
