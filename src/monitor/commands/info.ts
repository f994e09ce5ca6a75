import { describe, find, MonitorError, type MonitorCommand } from '../command.js';
import { CPU_TOPICS } from './info-cpu.js';
import { DEVICE_TOPICS } from './info-devices.js';
import { INTERRUPT_TOPICS } from './info-interrupts.js';

const STATUS_TOPICS: readonly MonitorCommand[] = [
  {
    name: 'status',
    help: 'whether the guest runs',
    run: (_, { machine }) => [`VM status: ${machine.status}`],
  },
];

/** What `info` can tell of. */
export const TOPICS: readonly MonitorCommand[] = [
  ...STATUS_TOPICS,
  ...CPU_TOPICS,
  ...INTERRUPT_TOPICS,
  ...DEVICE_TOPICS,
];

export const INFO_COMMAND: MonitorCommand = {
  name: 'info',
  parameters: 'TOPIC',
  help: 'what the machine is made of and does; info alone lists the topics',
  run: ([name, ...words], context) => {
    if (name === undefined) return describe(TOPICS, 'info ');
    const topic = find(TOPICS, name);
    if (!topic) throw new MonitorError(`there is no 'info ${name}': info alone lists the topics`);
    return topic.run(words, context);
  },
};
