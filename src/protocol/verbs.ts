/**
 * All that a client can ask for, in one table: docs, rights, routes and the test of verbs and roles go by it. Over HTTP a verb is
 * a method and a path (docs/protocol.md); a peer's stream will carry the same names.
 */
export const PROTOCOL = { major: 1, minor: 0 } as const;

interface VerbShape {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** `TARGET` is a name, `PATH` an object's path, or the name of what is asked for. */
  readonly route: string;
  readonly help: string;
  /** What a request carries. */
  readonly body: 'none' | 'json' | 'bytes';
}

export const VERBS = {
  hello: { method: 'GET', route: '/v1/hello', body: 'none', help: 'who the server is, and what it speaks' },
  help: { method: 'GET', route: '/v1/help', body: 'none', help: 'all verbs' },
  health: { method: 'GET', route: '/v1/health', body: 'none', help: 'whether the server can do its work' },
  // Where Prometheus looks by itself.
  metrics: { method: 'GET', route: '/metrics', body: 'none', help: 'what the server counts, for its administrators' },
  events: { method: 'GET', route: '/v1/events', body: 'none', help: 'what happens, as it does, for administrators' },
  control: {
    method: 'POST',
    route: '/v1/control/PATH',
    body: 'json',
    help: 'who is who and who may do what (control.ts)',
  },
  time: { method: 'GET', route: '/v1/targets/TARGET/time', body: 'none', help: "the storage's clock" },
  list: { method: 'GET', route: '/v1/targets/TARGET/list', body: 'none', help: 'objects below a folder, in pages' },
  changes: {
    method: 'GET',
    route: '/v1/targets/TARGET/changes',
    body: 'none',
    help: 'what was put and removed, as it is',
  },
  tree: {
    method: 'POST',
    route: '/v1/targets/TARGET/tree',
    body: 'json',
    help: 'which objects there are, compared by ranges (object-tree.ts)',
  },
  ranges: { method: 'POST', route: '/v1/targets/TARGET/ranges', body: 'json', help: 'parts of many objects at once' },
  stat: { method: 'HEAD', route: '/v1/targets/TARGET/objects/PATH', body: 'none', help: 'size and time of an object' },
  get: { method: 'GET', route: '/v1/targets/TARGET/objects/PATH', body: 'none', help: 'an object, or a range of it' },
  put: { method: 'PUT', route: '/v1/targets/TARGET/objects/PATH', body: 'bytes', help: 'store an object, once' },
  remove: { method: 'DELETE', route: '/v1/targets/TARGET/objects/PATH', body: 'none', help: 'remove an object' },
} as const satisfies Readonly<Record<string, VerbShape>>;

export type Verb = keyof typeof VERBS;

/** Of accounts, targets and whatever else people name on a server. */
export const NAME: RegExp = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** One's own target, or one of somebody else's: `OWNER:NAME`. */
export const TARGET: RegExp = /^(?:[a-z0-9][a-z0-9._-]{0,63}:)?[a-z0-9][a-z0-9._-]{0,63}$/;

export interface Routed {
  readonly verb: Verb;
  /** Empty where the verb has none. */
  readonly target: string;
  readonly path: string;
}

const ROUTES = (Object.keys(VERBS) as Verb[]).map((verb) => {
  const { method, route } = VERBS[verb];
  const pattern = route.replace('TARGET', '(?<target>[^/]+)').replace('PATH', '(?<path>.+)');
  return { verb, method, pattern: new RegExp(`^${pattern}$`) };
});

/** Parts of the URL's path stand as they are: no name of ours needs an escape, so `%` is in none. */
export function routeOf(method: string, path: string): Routed | undefined {
  for (const { verb, method: own, pattern } of ROUTES) {
    const found = own === method ? pattern.exec(path) : null;
    if (found !== null) return { verb, target: found.groups?.['target'] ?? '', path: found.groups?.['path'] ?? '' };
  }
  return undefined;
}

export function urlOf(verb: Verb, target = '', path = ''): string {
  return VERBS[verb].route.replace('TARGET', target).replace('PATH', path);
}
