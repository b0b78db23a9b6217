import { expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import type { ModelSpec } from './ports.ts';
import { patient } from './testing/terms.fake.ts';

const limits = {
  maxConcurrencyPerReplica: 2,
  maxQueue: 5,
  queueTimeoutMs: 1_000,
  holdTimeoutMs: 1_000,
  firstTokenTimeoutMs: 1_000,
  idleStreamTimeoutMs: 1_000,
  requestTimeoutMs: 1_000,
};

function model(key: string, createdAt: number, ...names: string[]): ModelSpec {
  return { key, names, createdAt, limits, availability: 'serving' };
}

function fleet() {
  const open: string[] = [];
  const made = new Fleet({
    open: (origin) => {
      open.push(origin);
      return {
        dispatch: () => true,
        close: async () => {
          open.splice(open.indexOf(origin), 1);
        },
      };
    },
    random: () => 0.999,
    now: () => 0,
  });
  return { fleet: made, open };
}

const owner = (of: Fleet, name: string) => of.find(name)?.spec.key;

test('the older deployment keeps a name that two claim, and the other gets it afterwards', () => {
  const { fleet: models } = fleet();
  models.setModel(model('ns/young', 2, 'chat', 'young'));
  models.setModel(model('ns/old', 1, 'chat'));
  expect([owner(models, 'chat'), owner(models, 'young'), owner(models, 'ns/young')]).toEqual(['ns/old', 'ns/young', 'ns/young']);
  expect(models.served().map(({ id }) => id)).toEqual(['chat', 'young']);

  models.deleteModel('ns/old');
  expect(owner(models, 'chat')).toBe('ns/young');
});

test('namespace/name works even when another deployment claims it as a public name', () => {
  const { fleet: models } = fleet();
  models.setModel(model('a/thief', 1, 'b/m'));
  models.setModel(model('b/m', 2, 'm'));
  expect(owner(models, 'b/m')).toBe('b/m');
});

test('a name that a deployment gives up resolves no more', () => {
  const { fleet: models } = fleet();
  models.setModel(model('ns/m', 1, 'before'));
  models.setModel(model('ns/m', 1, 'after'));
  expect([owner(models, 'before'), owner(models, 'after')]).toEqual([undefined, 'ns/m']);
});

test('a change of the limits holds for requests that come after it', () => {
  const { fleet: models } = fleet();
  models.setModel(model('ns/m', 1, 'm'));
  models.setModel({ ...model('ns/m', 1, 'm'), limits: { ...limits, maxQueue: 0 } });
  expect(models.find('m')?.line.join(patient(1_000)).turn).toEqual({ kind: 'refused', why: 'full' });
});

test('replicas may be seen before their deployment', () => {
  const { fleet: models } = fleet();
  models.setReplica('ns/m', { id: '1', name: 'm-1', origin: 'http://a', ready: true });
  expect(models.find('ns/m')).toBeUndefined();
  models.setModel(model('ns/m', 1));
  expect(models.find('ns/m')?.line.readyReplicas).toBe(1);
});

test('a replica’s connections are closed when it goes or moves, and with the fleet', async () => {
  const { fleet: models, open } = fleet();
  const at = (origin: string) => ({ id: '1', name: 'm-1', origin, ready: true });
  models.setModel(model('ns/m', 1));
  models.setReplica('ns/m', at('http://a'));
  models.setReplica('ns/m', at('http://a'));
  models.setReplica('ns/m', at('http://b'));
  expect(open).toEqual(['http://b']);
  models.deleteReplica('ns/m', '1');
  expect(open).toEqual([]);
  models.setReplica('ns/m', at('http://c'));
  await models.close();
  expect(open).toEqual([]);
});

test('NAME:ADAPTER finds the model of an adapter that it has, unless a deployment has that for a name of its own', () => {
  const { fleet: models } = fleet();
  models.setModel({ ...model('ns/m', 1, 'm'), adapters: ['sql', 'law'] });
  expect(models.find('m:sql')).toMatchObject({ adapter: 'sql', spec: { key: 'ns/m' } });
  expect(models.find('ns/m:law')).toMatchObject({ adapter: 'law' });
  expect([models.find('m')?.adapter, models.find('m:none'), models.find('none:sql'), models.find(':sql'), models.find('sql')]).toEqual(
    Array.from({ length: 5 }, () => undefined),
  );
  expect(models.served().map(({ id }) => id)).toEqual(['m', 'm:law', 'm:sql']);

  models.setModel(model('ns/own', 2, 'm:sql'));
  expect(owner(models, 'm:sql')).toBe('ns/own');
});
