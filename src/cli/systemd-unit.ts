/** The unit by which systemd runs `neo serve`, with no more rights than that needs (systemd.exec(5)). */
import { NeoError } from '../core/errors.ts';

export interface UnitOptions {
  /** Node and the program: absolute paths. */
  readonly program: readonly string[];
  /** What follows `serve`. */
  readonly args: readonly string[];
  /** Undefined: one that is made for the service at each start, and that nothing else has. */
  readonly user: string | undefined;
  /** Of one user's own systemd, which has no rights to give. */
  readonly isOfUser: boolean;
  readonly dataRoot: string;
  /** Below 1024: the right to it is given. */
  readonly port: number;
}

/** Below which systemd makes a service its folder. */
const STATE = '/var/lib/';
export const DEFAULT_STATE: string = `${STATE}neo`;
const HOMES = /^\/(home|root|run\/user)(\/|$)/;

/** @throws NeoError usage */
export function unitText(options: UnitOptions): string {
  const { program, args, isOfUser } = options;
  const command = [...program, 'serve', ...args].map(quoted).join(' ');
  const sections = [
    ['Unit', unitLines(isOfUser)],
    [
      'Service',
      [
        'Type=exec',
        `ExecStart=${command}`,
        'ExecReload=/bin/kill -HUP $MAINPID',
        'Restart=on-failure',
        'RestartSec=5',
        // Those who are being answered have ten seconds.
        'TimeoutStopSec=30',
        'UMask=0077',
        'LimitNOFILE=65536',
        'LimitCORE=0',
        ...(isOfUser ? [] : [...ownerLines(options), ...folderLines(options)]),
        ...confinement(options),
      ],
    ],
    ['Install', [`WantedBy=${isOfUser ? 'default.target' : 'multi-user.target'}`]],
  ] as const;
  return sections.map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`).join('\n');
}

function unitLines(isOfUser: boolean): string[] {
  const network = isOfUser ? [] : ['Wants=network-online.target', 'After=network-online.target'];
  return ['Description=neo backup server', ...network];
}

function ownerLines({ user, dataRoot }: UnitOptions): string[] {
  const isState = dataRoot.startsWith(STATE) && dataRoot !== STATE;
  if (user === undefined && !isState) {
    throw new NeoError('usage', `${dataRoot} is not below ${STATE}, where a service without a user has its folder`, {
      hint: 'name the user whose folder it is: --user NAME',
    });
  }
  if (user !== undefined && !/^[A-Za-z_][\w.-]*$/.test(user)) throw new NeoError('usage', `not a user: ${user}`);
  const own = user === undefined ? ['DynamicUser=yes'] : [`User=${user}`];
  const folder = isState
    ? [`StateDirectory=${word(dataRoot.slice(STATE.length))}`, 'StateDirectoryMode=0700']
    : [`ReadWritePaths=${word(dataRoot)}`];
  return [...own, ...folder];
}

/** The program, or the data, in somebody's home: it is to be seen, but nothing else there is to be written. */
function folderLines({ program, dataRoot }: UnitOptions): string[] {
  const isInHome = [...program, dataRoot].some((path) => HOMES.test(path));
  return [
    'ProtectSystem=strict',
    `ProtectHome=${isInHome ? 'read-only' : 'yes'}`,
    'PrivateTmp=yes',
    'PrivateMounts=yes',
    'PrivateDevices=yes',
    'ProtectProc=invisible',
    'ProcSubset=pid',
  ];
}

function confinement({ isOfUser, port }: UnitOptions): string[] {
  const needsPort = port > 0 && port < 1024;
  const ofSystem = [
    `CapabilityBoundingSet=${needsPort ? 'CAP_NET_BIND_SERVICE' : ''}`,
    `AmbientCapabilities=${needsPort ? 'CAP_NET_BIND_SERVICE' : ''}`,
    // Rights of a namespace of its own are none outside of it, where the port is.
    `PrivateUsers=${needsPort ? 'no' : 'yes'}`,
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelLogs=yes',
    'ProtectControlGroups=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'RemoveIPC=yes',
    'KeyringMode=private',
  ];
  return [
    'NoNewPrivileges=yes',
    ...(isOfUser ? [] : ofSystem),
    'LockPersonality=yes',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    'SystemCallFilter=~@privileged',
    'SystemCallErrorNumber=EPERM',
    // V8 compiles.
    'MemoryDenyWriteExecute=no',
  ];
}

/** systemd.service(5), "Command lines". */
function quoted(text: string): string {
  return word(text.replaceAll('$', '$$$$'));
}

/** systemd.syntax(7), "Quoting", and systemd.unit(5), "Specifiers". */
function word(text: string): string {
  if (/[\n\r\0]/.test(text)) throw new NeoError('usage', 'a unit has no lines within a name');
  const plain = text.replaceAll('%', '%%');
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
