/** The keys by which clients know the server. */
import { showFingerprint } from '../../backends/neo-control.ts';
import { type Controls, change } from './context.ts';

export const keys: Controls<'keys' | 'key-add' | 'key-present' | 'key-retire'> = {
  async keys(context) {
    return { keys: [...context.keys.list()] };
  },

  async 'key-add'(context, { present = false }) {
    const made = context.keys.make();
    const key = showFingerprint(made.fingerprint);
    return change(context, 'key-add', { key, present }, () => context.keys.add(made, present));
  },

  async 'key-present'(context, { key: begin }) {
    const key = context.keys.find(begin).fingerprint;
    return change(context, 'key-present', { key }, () => context.keys.present(key));
  },

  async 'key-retire'(context, { key: begin }) {
    const key = context.keys.find(begin).fingerprint;
    return change(context, 'key-retire', { key }, () => context.keys.retire(key));
  },
};
