/**
 * `npm run torture [-- --only sweep,repair,corruption,prune-crash,rewrite-crash,rekey-crash,import-crash,versions-crash,heal-crash,copy-crash,schedules,pruning,disk,giant,kill,requests,serve,replicas] [--seed N] [--cases N] [--storage local|sftp|s3|swift|neo]`: what is too long for every run
 * of the tests. Goes on where it was interrupted; exit code 1 if anything was ever violated. `--storage` is of kill, pruning and sweep.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Campaign, carryOut } from './campaign.ts';
import { diskCampaign } from './disk.ts';
import { giantCampaign } from './giant.ts';
import { killCampaign } from './kill.ts';
import { ROOT } from './neo.ts';
import { pruningCampaign } from './pruning.ts';
import { FULL as REPLICAS, replicasCampaign } from './replicas.ts';
import { FULL, requestsCampaign } from './requests.ts';
import { schedulesCampaign } from './schedules.ts';
import { FULL as SERVE, serveKillCampaign } from './serve-kill.ts';
import {
  copyCrashCampaign,
  corruptionCampaign,
  healCrashCampaign,
  importCrashCampaign,
  pruneCrashCampaign,
  rekeyCrashCampaign,
  remoteSweepCampaign,
  repairCampaign,
  rewriteCrashCampaign,
  sweepCampaign,
  versionsCrashCampaign,
} from './simulated.ts';
import { STORAGES, startStorage } from './storage.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    cases: { type: 'string' },
    storage: { type: 'string', default: 'local' },
    folder: { type: 'string', default: join(ROOT, '.torture') },
  },
});
const seed = Number(values.seed);
const most = values.cases === undefined ? Number.POSITIVE_INFINITY : Number(values.cases);
const { folder } = values;
const kind = STORAGES.find((each) => each === values.storage);
if (kind === undefined) throw new Error(`--storage ${values.storage}: there is ${STORAGES.join(', ')}`);
const storage = await startStorage(kind, folder);
const campaigns: Readonly<Record<string, () => Campaign | Promise<Campaign>>> = {
  sweep: () => (kind === 'local' ? sweepCampaign(folder, seed) : remoteSweepCampaign(folder, seed, storage)),
  repair: () => repairCampaign(folder, seed),
  corruption: () => corruptionCampaign(folder, seed),
  'prune-crash': () => pruneCrashCampaign(folder, seed),
  'rewrite-crash': () => rewriteCrashCampaign(folder, seed),
  'rekey-crash': () => rekeyCrashCampaign(folder, seed),
  'import-crash': () => importCrashCampaign(folder, seed),
  'versions-crash': () => versionsCrashCampaign(folder, seed),
  'heal-crash': () => healCrashCampaign(folder, seed),
  'copy-crash': () => copyCrashCampaign(folder, seed),
  schedules: () => schedulesCampaign(seed),
  pruning: () => pruningCampaign(folder, seed, storage),
  disk: () => diskCampaign(folder),
  giant: () => giantCampaign(folder),
  kill: () => killCampaign(folder, seed, 200, storage),
  requests: () => requestsCampaign(seed, FULL),
  replicas: () => replicasCampaign(folder, seed, REPLICAS),
  serve: () => serveKillCampaign(folder, seed, SERVE),
};
const wanted = values.only?.split(',') ?? Object.keys(campaigns);
let well = true;
for (const name of wanted) {
  const make = campaigns[name];
  if (make === undefined) throw new Error(`--only ${name}: there is ${Object.keys(campaigns).join(', ')}`);
  const campaign = await make();
  well = (await carryOut(folder, seed, campaign, { most })) && well;
  await campaign.stop?.();
}
await storage.stop();
process.exitCode = well ? 0 : 1;
