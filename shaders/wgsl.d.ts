/** A `.wgsl` file imports as its text: esbuild's text loader in builds, the plugin of vitest.config.ts in tests. */
declare module '*.wgsl' {
  const text: string;
  export default text;
}
