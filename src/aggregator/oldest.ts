/**
 * Takes the oldest key of a Map or Set that is kept in the order of its last touch; undefined when it is empty. Whoever takes one
 * deletes it before taking the next.
 *
 * One iterator that lives on: a new one for each would walk over all that was deleted at the head since the table was last made
 * anew, which of a full memory is tens of thousands of places for each that is forgotten.
 */
export function oldestOf<K>(of: { keys(): IterableIterator<K> }): () => K | undefined {
  let keys: IterableIterator<K> | undefined;
  return () => {
    keys ??= of.keys();
    let next = keys.next();
    if (next.done === true) {
      // It has come to the end once, and stays there.
      keys = of.keys();
      next = keys.next();
    }
    return next.done === true ? undefined : next.value;
  };
}
