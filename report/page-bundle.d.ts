/** Made by scripts/page-bundle.mjs of `report/ui/`. */
declare module 'cfr:report-page' {
  export const script: string;
  export const style: string;
}
