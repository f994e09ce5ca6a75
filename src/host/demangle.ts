import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What the package's JavaScript exports; it is what its WebAssembly imports, too. */
interface Glue {
  demangle_any(name: string): string;
  __wbg_set_wasm(exports: unknown): void;
}

const PACKAGE = 'gecko-profiler-demangle';

let loaded: Promise<(name: string) => string> | undefined;

/** Loads the demangler of C++ (Itanium ABI) and Rust names, half a megabyte of WebAssembly: once in a process. */
export function loadDemangler(): Promise<(name: string) => string> {
  // The package keeps a view of the first instance's memory: there can be no second one.
  loaded ??= load();
  return loaded;
}

async function load(): Promise<(name: string) => string> {
  const path = createRequire(import.meta.url).resolve(`${PACKAGE}/index_bg.wasm`);
  // Its own index.js imports the WebAssembly as a module, which Node does not do without a flag.
  const glue = (await import(`${PACKAGE}/index_bg.js`)) as Glue;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), {
    './index_bg.js': glue as unknown as Record<string, () => void>,
  });
  glue.__wbg_set_wasm(exports);
  (exports as { readonly __wbindgen_start: () => void }).__wbindgen_start();
  const known = new Map<string, string>();
  return name => {
    // Others are not mangled, though some look as if they were by schemes of old.
    if (!name.startsWith('_Z') && !name.startsWith('_R')) return name;
    let readable = known.get(name);
    if (readable === undefined) known.set(name, (readable = glue.demangle_any(name)));
    return readable;
  };
}
