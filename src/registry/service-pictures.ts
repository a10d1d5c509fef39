import { type MirrorBatch, type NodeChange, nodeChanges } from '../zookeeper/index.ts';
import { type Layout, placeOf } from './layout.ts';
import { readOverride } from './override.ts';
import { readProvider, type RejectReason } from './record.ts';
import type { RosterDelta } from './roster.ts';
import { type PictureOptions, servicePicture, type ServicePicture } from './service-picture.ts';
import type { Snapshot } from './snapshot-file.ts';

/** A znode whose bytes are not what they should be: skipped, and told of. */
export interface Rejected {
  readonly path: string;
  readonly reason: RejectReason;
  readonly detail: string;
}

export interface PicturesOptions extends Omit<PictureOptions, 'onSuspects'> {
  readonly where: Layout;
  readonly services: readonly string[];
  readonly onRejected: (rejected: Rejected) => void;
  readonly onSuspects: (service: string, picture: ServicePicture) => void;
  readonly onDelta: (service: string, delta: RosterDelta) => void;
}

/** The pictures of all services that are subscribed to, and what changes them. */
export interface ServicePictures {
  readonly all: ReadonlyMap<string, ServicePicture>;
  /** What the disk remembers, until the first complete copy of ZooKeeper is there. */
  recall(snapshot: Snapshot): void;
  /** Takes changes in; they take effect with `settle` or `complete`. */
  collect(batch: MirrorBatch): void;
  /** The first copy is complete: what was only remembered and is not in it is gone, without having vanished. */
  complete(): void;
  settle(): void;
  close(): void;
}

export function servicePictures(options: PicturesOptions): ServicePictures {
  const { where, services, onRejected } = options;
  const all = new Map(services.map(service => [service, picture(service)]));
  let remembered = new Map<string, ServicePicture>();

  function picture(service: string): ServicePicture {
    const onSuspects = (): void => options.onSuspects(service, made);
    const made: ServicePicture = servicePicture({ ...options, onSuspects });
    return made;
  }

  const touched = new Set<string>();
  const settleOne = (service: string, truthful: boolean): void => {
    for (const delta of all.get(service)?.settle(truthful) ?? []) options.onDelta(service, delta);
  };
  const settle = (truthful: boolean): void => {
    const services = [...touched];
    touched.clear();
    for (const service of services) settleOne(service, truthful);
  };

  const takeProvider = (known: ServicePicture, service: string, change: PutOrGone): void => {
    const { path, czxid, ephemeralOwner: sessionId } = change.node;
    remembered.delete(path);
    if (change.kind === 'gone') {
      // What it said last could not be read any more; a crash says nothing, so it said that it goes.
      return change.unread === true ? known.roster.reject(path) : known.roster.drop(path);
    }
    const parsed = readProvider(change.data);
    if (parsed.ok) {
      const record = { ...parsed.record, service }; // the path wins
      return known.roster.put({ znode: path, czxid, sessionId, record });
    }
    const { reason, detail } = parsed;
    onRejected({ path, reason, detail });
    known.roster.reject(path);
  };

  const takeOverride = (known: ServicePicture, id: string, change: PutOrGone): void => {
    if (change.kind === 'gone') return known.roster.override(id, undefined);
    const parsed = readOverride(change.data);
    if (parsed.ok) return known.roster.override(id, parsed.record);
    const { reason, detail } = parsed;
    onRejected({ path: change.node.path, reason, detail });
    known.roster.override(id, undefined);
  };

  const takeOne = (change: NodeChange): void => {
    if (change.kind === 'directory') return;
    const place = placeOf(where, change.node.path);
    if (place.kind !== 'provider' && place.kind !== 'override') return;
    const known = all.get(place.service);
    if (known === undefined) return;
    touched.add(place.service);
    if (place.kind === 'provider') takeProvider(known, place.service, change);
    else takeOverride(known, place.id, change);
  };

  return {
    all,
    recall(snapshot) {
      for (const [service, known] of all) {
        for (const node of snapshot.services.get(service) ?? []) {
          known.roster.put(node);
          remembered.set(node.znode, known);
        }
        settleOne(service, false);
      }
    },
    collect({ changes }) {
      for (const change of nodeChanges(changes)) takeOne(change);
    },
    complete() {
      for (const [znode, known] of remembered) known.roster.drop(znode);
      remembered = new Map();
      for (const service of services) touched.add(service);
      settle(false);
    },
    settle: () => settle(true),
    close() {
      for (const known of all.values()) known.close();
    },
  };
}

type PutOrGone = Exclude<NodeChange, { readonly kind: 'directory' }>;
