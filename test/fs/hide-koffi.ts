/** Preloaded: makes `require('koffi')` fail as on a platform without a binary. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'koffi') throw new Error('hidden by the test');
    return next(specifier, context);
  },
});
