import fc from 'fast-check';
import { OP } from '../../src/kernel/wire.ts';

export interface TestAcl {
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

/** One write as it may stand alone or in a transaction. */
export type Write =
  | {
      readonly kind: 'create';
      readonly op: number;
      readonly path: string;
      readonly data: string | null;
      readonly acl: readonly TestAcl[];
      readonly flags: number;
      readonly ttlMs: number;
    }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | {
      readonly kind: 'setData';
      readonly path: string;
      readonly data: string | null;
      readonly version: number;
    }
  | { readonly kind: 'check'; readonly path: string; readonly version: number };

export type Read = {
  readonly kind: 'exists' | 'getData' | 'getChildren' | 'getChildren2';
  readonly path: string;
  readonly watch: boolean;
};

export type Step =
  | Write
  | Read
  | {
      readonly kind: 'setAcl';
      readonly path: string;
      readonly acl: readonly TestAcl[];
      readonly version: number;
    }
  | { readonly kind: 'getAcl' | 'getAllChildrenNumber' | 'getEphemerals'; readonly path: string }
  | { readonly kind: 'sync' | 'addWatch'; readonly path: string }
  | { readonly kind: 'multi'; readonly writes: readonly Write[] }
  | { readonly kind: 'multiRead'; readonly reads: readonly Read[] }
  | {
      readonly kind: 'removeWatches';
      readonly path: string;
      readonly type: number;
    }
  | {
      readonly kind: 'setWatches';
      readonly since: number;
      readonly data: readonly string[];
      readonly exist: readonly string[];
      readonly child: readonly string[];
    }
  | { readonly kind: 'auth'; readonly user: string }
  | { readonly kind: 'whoAmI' | 'reconfig' }
  | { readonly kind: 'reconnect' }
  | { readonly kind: 'renew' };

export interface Move {
  readonly who: number;
  readonly step: Step;
}

/** Those below use one-shot watches, then one a persistent, then one a recursive: ZooKeeper 3.8.0 lets one mode replace another. */
export const ONE_SHOT_SESSIONS = 2;
export const SESSIONS = ONE_SHOT_SESSIONS + 2;

export const OPEN: readonly TestAcl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }];
const ACLS: readonly (readonly TestAcl[])[] = [
  [{ permissions: 1, scheme: 'world', id: 'anyone' }],
  [{ permissions: 30, scheme: 'world', id: 'anyone' }],
  [{ permissions: 31, scheme: 'auth', id: '' }],
  [
    { permissions: 31, scheme: 'digest', id: 'u:w0bB8cTnn6yvtoNWkO4Wj2T0Q9c=' },
    { permissions: 1, scheme: 'world', id: 'anyone' },
    { permissions: 1, scheme: 'world', id: 'anyone' },
  ],
  [{ permissions: 31, scheme: 'ip', id: '127.0.0.0/8' }],
  [{ permissions: 31, scheme: 'ip', id: '10.0.0.1' }],
  [{ permissions: 31, scheme: 'ip', id: '127.0.0.1/33' }],
  [{ permissions: 31, scheme: 'nobody', id: 'knows' }],
  [{ permissions: 31, scheme: 'digest', id: 'without a colon' }],
  [{ permissions: 31, scheme: 'world', id: 'someone' }],
  [],
];

const goodPath = fc.constantFrom('', '/a', '/b', '/a/x', '/a/y', '/a/x/z', '/b/x', '/a/x-', '/b/');
const badPath = fc.constantFrom(
  '/a//x',
  '/a/./x',
  '/a/..',
  '/.',
  '/a/\u0001',
  '/\ue000',
  '/a/b\u0000',
  '/é.txt',
);
const path = fc.oneof({ weight: 12, arbitrary: goodPath }, { weight: 1, arbitrary: badPath });
const version = fc.constantFrom(-1, -1, -1, 0, 1, 2);
const data = fc.constantFrom('', 'x', 'data', null);
const acl = fc.oneof(
  { weight: 12, arbitrary: fc.constant(OPEN) },
  { weight: 2, arbitrary: fc.constantFrom(...ACLS) },
);

const create: fc.Arbitrary<Write> = fc
  .record({
    path,
    data,
    acl,
    mode: fc.constantFrom(
      [OP.create, 0],
      [OP.create, 0],
      [OP.create2, 0],
      [OP.create2, 1],
      [OP.create, 1],
      [OP.create2, 2],
      [OP.create2, 3],
      [OP.createContainer, 4],
      [OP.create2, 4],
      [OP.createTtl, 5],
      [OP.createTtl, 6],
      [OP.create2, 5],
      [OP.createTtl, 0],
      [OP.create, 9],
    ),
    ttlMs: fc.constantFrom(1_000_000, 0, -1, 2 ** 41),
  })
  // ZooKeeper 3.8.0 ends its process over a TTL that is none, with a mode that has none
  .filter(({ mode, ttlMs }) => mode[0] !== OP.createTtl || mode[1] !== 0 || ttlMs >= 0)
  .map(({ mode, ...rest }) => ({
    kind: 'create',
    ...rest,
    op: mode[0] ?? OP.create,
    flags: mode[1] ?? 0,
  }));
const remove: fc.Arbitrary<Write> = fc.record({
  kind: fc.constant('delete' as const),
  path,
  version,
});
const setData: fc.Arbitrary<Write> = fc.record({
  kind: fc.constant('setData' as const),
  path,
  data,
  version,
});
const check: fc.Arbitrary<Write> = fc.record({
  kind: fc.constant('check' as const),
  path,
  version,
});
const read: fc.Arbitrary<Read> = fc.record({
  kind: fc.constantFrom('exists', 'getData', 'getChildren', 'getChildren2'),
  path,
  watch: fc.boolean(),
});
const someWatches = fc.array(goodPath, { maxLength: 3 });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: create },
  { weight: 5, arbitrary: remove },
  { weight: 5, arbitrary: setData },
  { weight: 8, arbitrary: read },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('multi' as const),
      // a TTL node without a TTL ends a whole transaction in ZooKeeper, and is a step's own error here
      writes: fc.array(fc.oneof(create.filter(hasItsTtl), remove, setData, check), {
        maxLength: 5,
      }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('multiRead' as const),
      reads: fc.array(
        read.filter(({ kind }) => kind === 'getData' || kind === 'getChildren'),
        { maxLength: 4 },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('setAcl' as const), path, acl, version }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'getAcl' as const,
        'getAllChildrenNumber' as const,
        'getEphemerals' as const,
      ),
      path,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('addWatch' as const, 'sync' as const), path }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      // not checkWatches: ZooKeeper 3.8.0 says yes to whatever anybody watches
      kind: fc.constant('removeWatches' as const),
      path,
      type: fc.constantFrom(1, 2, 3, 3, 9),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('setWatches' as const),
      since: fc.nat(30),
      data: someWatches,
      exist: someWatches,
      child: someWatches,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('auth' as const),
      user: fc.constantFrom('u:p', 'v:q', 'w'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('whoAmI' as const, 'reconfig' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ kind: 'reconnect' as const }, { kind: 'renew' as const }),
  },
);

function hasItsTtl(write: Write): boolean {
  return write.kind !== 'create' || ![5, 6].includes(write.flags) || write.op === OP.createTtl;
}

export const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.record({ who: fc.nat(SESSIONS - 1), step }),
  { minLength: 1, maxLength: 40 },
);

/** What is one request. */
export type Asked = Exclude<Step, { readonly kind: 'renew' } | { readonly kind: 'reconnect' }>;
