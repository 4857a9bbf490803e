/** Which engine runs: the native one where its parts load, else the portable one. Loaded late, so that a command
 * without need of one starts fast. */
import { NeoError } from '../core/errors.ts';
import type { Engine, EngineName } from './engine.ts';

async function loadNative(): Promise<Engine> {
  const { createNativeEngine } = await import('./native.ts');
  return createNativeEngine();
}

async function loadPortable(): Promise<Engine> {
  const { createPortableEngine } = await import('./portable.ts');
  return createPortableEngine();
}

/**
 * @param name forces one engine; without it, native if it loads, else portable
 * @throws NeoError failed when the named engine does not load
 */
export async function loadEngine(name?: EngineName): Promise<Engine> {
  try {
    return await (name === 'portable' ? loadPortable() : loadNative());
  } catch (cause) {
    if (name === undefined) return loadPortable();
    const hint = name === 'native' ? 'use the portable engine: NEO_ENGINE=portable' : undefined;
    throw new NeoError(
      'failed',
      `the ${name} engine cannot be loaded`,
      hint === undefined ? { cause } : { cause, hint },
    );
  }
}
