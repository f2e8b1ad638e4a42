/// <reference lib="esnext.disposable" preserve="true" />

/**
 * `Symbol.dispose`, for `using`. Engines without it get the symbol that compilers of `using` (esbuild) fall back to, so that nothing global
 * has to be changed.
 */
export const dispose: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);
