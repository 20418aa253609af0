/** One vCPU's interpreter: the generated module bound to its block, its cache region and the services of cpu/. */
import type { Services } from '../isa/services.ts';
import { vcpuState, type Exit, type VcpuState } from '../isa/state.ts';
import { BlockCache } from './block-cache.ts';
import type { CodeFetch } from './code-fetch.ts';
import { interpreterModule, type InterpreterImports } from './interpreter-module.ts';
import { field } from './record.ts';

export interface InterpreterOptions {
  /** The machine's shared memory. */
  memory: WebAssembly.Memory;
  /** Address of the vCPU block; 64-byte aligned. */
  vcpu: number;
  /** Region for jump cache and records; its content is lost. */
  cacheBase: number;
  cacheBytes: number;
  services: Services;
  fetch: CodeFetch;
  /** interpreterModule() of another thread; compiled here if absent. */
  compiled?: WebAssembly.Module;
}

export class Interpreter {
  private readonly cache: BlockCache;
  private readonly enter: (vcpu: number) => Exit;
  private readonly state: VcpuState;
  private readonly vcpu: number;
  private readonly view: DataView;

  constructor(options: InterpreterOptions) {
    const { memory, vcpu } = options;
    this.vcpu = vcpu;
    this.view = new DataView(memory.buffer);
    this.state = vcpuState.at(memory.buffer as unknown as SharedArrayBuffer, vcpu);
    this.cache = new BlockCache(memory, vcpu, options.cacheBase, options.cacheBytes, options.fetch);
    const env: Record<string, unknown> = {
      memory,
      lookupBlock: ((from) => this.cache.lookup(from)) satisfies InterpreterImports['lookupBlock'],
    };
    const { services } = options;
    for (const name of serviceNames(options.compiled ?? interpreterModule())) {
      const service = services[name];
      env[name] = service.bind(services);
    }
    const instance = new WebAssembly.Instance(options.compiled ?? interpreterModule(), { env: env as WebAssembly.ModuleImports });
    this.enter = instance.exports.run as (vcpu: number) => Exit;
  }

  /**
   * Runs from eip until an exit; `budget` in the block is counted down and `retired` brought up to date. Give a budget of
   * about a million: V8 replaces the function by its optimized version only between calls.
   */
  run(): Exit {
    const before = this.state.budget;
    const reason = this.enter(this.vcpu);
    this.state.retired += BigInt(before - this.state.budget);
    return reason;
  }

  /**
   * Drops what was decoded from `size` bytes at `first` of a guest-physical page (its number; absent: all of it). Allowed inside a
   * service. True when no record of the page is left.
   */
  invalidatePage(physicalPage: number, first?: number, size?: number): boolean {
    return this.cache.invalidatePage(physicalPage, first, size);
  }
  /** Drops what was decoded from pages whose generation is another by now. */
  dropChanged(generation: (page: number) => number): void {
    this.cache.dropChanged(generation);
  }
  hasCode(physicalPage: number): boolean {
    return this.cache.hasCode(physicalPage);
  }
  /** Offset in CS of the instruction that calls a service just now: only the careful function calls them, at the record it was handed. */
  instructionPointer(): number {
    const offset = this.view.getUint16(this.state.resumeRecord + field.pageOffset, true);
    return (this.state.pageEip + offset) >>> 0;
  }
  /** After anything that changes how eip translates (CR3, INVLPG, CPL, CS base). */
  flushJumpCache(): void {
    this.cache.flushJumpCache();
  }
  dropAll(): void {
    this.cache.dropAll();
  }
}

function serviceNames(module: WebAssembly.Module): (keyof Services)[] {
  return WebAssembly.Module.imports(module)
    .map(({ name }) => name)
    .filter((name): name is keyof Services => name !== 'memory' && name !== 'lookupBlock');
}
