/** Settings of the server that administrators change while it runs. */
import { NeoError } from '../../core/errors.ts';
import type { ControlAnswer } from '../../protocol/control.ts';
import { isSettingName, readSetting, SETTING_NAMES } from '../../protocol/settings.ts';
import { type Controls, change, type KnownContext } from './context.ts';

export const config: Controls<'config' | 'config-set' | 'config-unset'> = {
  async config({ settings }) {
    return { settings: settings.list() };
  },

  async 'config-set'(context, { name, value }) {
    return decide(context, 'config-set', name, value);
  },

  async 'config-unset'(context, { name }) {
    return decide(context, 'config-unset', name, null);
  },
};

/** @param value null: nobody's any more */
async function decide(
  context: KnownContext,
  action: 'config-set' | 'config-unset',
  name: string,
  value: string | null,
): Promise<ControlAnswer<'config-set'>> {
  const { settings, directory } = context;
  if (!isSettingName(name)) {
    throw new NeoError('usage', `there is no setting ${JSON.stringify(name)} that changes while the server runs`, {
      hint: `there are ${SETTING_NAMES.join(', ')}`,
    });
  }
  if (value !== null) readSetting(name, value);
  const detail = { name, ...(value === null ? {} : { value }) };
  await change(context, action, detail, (trx) => settings.decide(trx, name, value));
  await settings.load();
  // Whoever was looked at by what held before is looked at again.
  directory.changed();
  return settings.of(name);
}
