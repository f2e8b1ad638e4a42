/** What the tests are told of a method, beside its golden file: one row a method or variant. Rows stand in the files beside this one. */
export interface MethodCase {
  /** `pgd l2`: the method's name first; also the name of its golden run, where it has one. */
  readonly name: string;
  /** Settings of a short run, with `method`: some seconds at most on a CPU adapter. */
  readonly options: Readonly<Record<string, unknown>> & { readonly method: string };
  /** How many of the 4 images this run must fool at least. The net is a small one with seeded weights, whose predictions are the labels. */
  readonly fools: number;
  /** Settings that take its step or size away: the images come back as they are. Absent where there are none. */
  readonly nothing?: Readonly<Record<string, unknown>>;
  /** A target must be reached on so many of the images that are not of its class; absent where there is no targeted form. */
  readonly reaches?: number;
  /** Other settings for that, where a target is farther than those of `options` get. */
  readonly reaching?: Readonly<Record<string, unknown>>;
  /** Most that a norm of the saved perturbation may be, in any run: {linf: 8 / 255}. */
  readonly within?: Readonly<Partial<Record<'l0' | 'l1' | 'l2' | 'linf', number>>>;
  /** Why random noise of the same norm may fool as many (a control, a patch). Absent: it must fool fewer. */
  readonly noiseMay?: string;
  /** Golden run: tolerance on the last iterate, and which share of its values may differ more (a sign that turns at a gradient near 0). */
  readonly golden?: { readonly group: string; readonly atol: number; readonly share: number };
  /** What the golden run's steps are: procedures before the first, and of each. Default: `begin`, and `step`. */
  readonly procedures?: {
    readonly before: readonly (readonly [string, number])[];
    readonly step: readonly (readonly [string, number])[];
  };
}
