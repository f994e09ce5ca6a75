import { MonitorError, type MonitorCommand } from '../command.js';

export const RUN_STATE_COMMANDS: readonly MonitorCommand[] = [
  {
    name: 'stop',
    alias: 's',
    help: 'pause the guest and its time',
    run: (_, { machine }) => machine.pause(),
  },
  { name: 'cont', alias: 'c', help: 'let it go on', run: (_, { machine }) => machine.resume() },
  {
    name: 'system_reset',
    help: 'reset the machine: the kernel starts again',
    run: (_, { machine }) => machine.reset(),
  },
  {
    name: 'system_powerdown',
    help: 'press the power button: a guest that listens for it (ACPI) shuts down',
    run: (_, { machine }) => machine.powerButton(),
  },
  { name: 'nmi', help: 'send every vCPU a non-maskable interrupt', run: (_, { machine }) => machine.nmi() },
  {
    name: 'cpu',
    parameters: 'INDEX',
    help: 'choose the vCPU for x, info registers and the like',
    run: async ([index], context) => {
      if (index === undefined || !/^\d+$/.test(index)) throw new MonitorError('which vCPU? write cpu 0');
      await context.machine.vcpu(Number(index));
      context.cpu = Number(index);
    },
  },
  { name: 'quit', alias: 'q', help: 'end the run and leave tsvmm', run: (_, { quit }) => quit() },
];
