import { abortable } from '../kernel/abort.ts';
import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import { releasers } from '../kernel/releasers.ts';
import { announce, announceConsumer, type Registration } from '../registry/index.ts';
import { openSession, type Session } from '../zookeeper/index.ts';
import {
  DEMO_CONSUMERS,
  DEMO_PROVIDERS,
  type DemoMove,
  type DemoProvider,
  nextDemo,
  startOfDemo,
} from './demo-plan.ts';
import type { ZooKeeperTarget } from './zookeeper-flags.ts';

export interface DemoOptions extends ZooKeeperTarget {
  readonly root: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Providers of nothing, for a look around. */
export interface Demo extends AsyncDisposable {
  /** They say goodbye and leave. Idempotent. */
  close(): Promise<void>;
}

const MOVE_EVERY_MS = 3_000;
const CLOSE_WITHIN_MS = 2_000;

/**
 * Announces the demo's providers and consumers over a session of their own, and moves one of them every few seconds, until it is
 * closed. What goes wrong is logged and tried again: a demo ends no daemon.
 */
export function openDemo(options: DemoOptions): Demo {
  const { clock, random, logger } = options;
  const over = new AbortController();
  const work = play(options, over.signal).catch((error: unknown) => {
    if (!over.signal.aborted) logger.error({ error: errorText(error) }, 'the demo has ended');
  });
  const close = async (): Promise<void> => {
    over.abort();
    await work;
  };
  logger.info(
    { providers: DEMO_PROVIDERS.length, consumers: DEMO_CONSUMERS.length },
    'demo providers come, go and change: they serve nothing',
  );
  return { close, [Symbol.asyncDispose]: close };

  async function play(plan: DemoOptions, signal: AbortSignal): Promise<void> {
    await using opened = releasers();
    const { servers, timeoutMs, auth, tls } = plan;
    const session = await openSession({
      servers,
      timeoutMs,
      ...(auth === undefined ? {} : { auth }),
      ...(tls === undefined ? {} : { tls }),
      clock,
      random,
      logger,
    });
    opened.push(() => session.close());
    const stage = openStage(plan, session, signal);
    opened.push(() => stage.clear());
    let state = startOfDemo();
    await insist(() => stage.begin(), signal);
    while (!signal.aborted) {
      await clock.sleep(MOVE_EVERY_MS, signal);
      const { move, next } = nextDemo(state, random);
      state = next;
      if (move !== undefined) await insist(() => stage.make(move), signal);
    }
  }

  async function insist(act: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        return await abortable(act(), signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ error: errorText(error) }, 'the demo is held up');
        await clock.sleep(backoffMs(attempt, random()), signal);
      }
    }
  }
}

interface Stage {
  /** Announces whoever is not there yet. */
  begin(): Promise<void>;
  /** The same move again comes to the same. */
  make(move: DemoMove): Promise<void>;
  clear(): Promise<void>;
}

/** Who is announced now. */
function openStage(options: DemoOptions, session: Session, signal: AbortSignal): Stage {
  const { root, clock, random, logger } = options;
  const common = { root, clock, random, logger, signal, closeWithinMs: CLOSE_WITHIN_MS };
  const providers = new Map<string, Registration>();
  const consumers = new Map<string, AsyncDisposable>();
  const enter = async (provider: DemoProvider): Promise<void> => {
    if (providers.has(provider.id)) return;
    providers.set(provider.id, await announce(session, provider, common));
  };
  return {
    async begin() {
      for (const provider of DEMO_PROVIDERS) await enter(provider);
      for (const consumer of DEMO_CONSUMERS) {
        const key = `${consumer.id} ${consumer.service}`;
        if (!consumers.has(key)) {
          consumers.set(key, await announceConsumer(session, consumer, common));
        }
      }
    },
    async make({ kind, provider, weight }) {
      const registration = providers.get(provider.id);
      if (kind === 'come') return enter(provider);
      if (kind === 'drain') return registration?.drain({ signal });
      if (kind === 'return') return registration?.update({ status: 'up' }, { signal });
      if (kind === 'change') return registration?.update({ weight }, { signal });
      providers.delete(provider.id);
      await registration?.close();
    },
    async clear() {
      const all = [...providers.values(), ...consumers.values()];
      await Promise.allSettled(all.map(one => one[Symbol.asyncDispose]()));
    },
  };
}
