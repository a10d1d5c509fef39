import { type Listeners, listeners } from '../kernel/listeners.ts';
import type { ViewState } from './ports.ts';
import type { ViewNotice } from './view-notice.ts';

export type ViewTopic = 'services' | 'consumers' | 'watermark' | 'derived' | 'members';

/** Who follows the view. One that throws keeps nobody else from being told. */
export interface ViewListeners {
  readonly states: Listeners<ViewState>;
  readonly notices: Listeners<ViewNotice>;
  /** All that was known is void: the zxids went back. */
  readonly restarts: Listeners<void>;
  readonly topics: Readonly<Record<ViewTopic, Listeners<void>>>;
  onService(name: string, listener: () => void): () => void;
  /** Services that somebody listens for. */
  listened(): Iterable<string>;
  service(name: string): void;
}

export function viewListeners(onError: (error: unknown) => void): ViewListeners {
  const services = new Map<string, Listeners<void>>();
  const topic = (): Listeners<void> => listeners<void>(onError);
  return {
    states: listeners(onError),
    notices: listeners(onError),
    restarts: topic(),
    topics: {
      services: topic(),
      consumers: topic(),
      watermark: topic(),
      derived: topic(),
      members: topic(),
    },
    onService(name, listener) {
      const own = services.get(name) ?? topic();
      services.set(name, own);
      const remove = own.add(listener);
      return () => {
        remove();
        if (own.size === 0 && services.get(name) === own) services.delete(name);
      };
    },
    listened: () => [...services.keys()],
    service: name => services.get(name)?.emit(),
  };
}
