/**
 * A secret whose content may change while the gateway runs. How it is read (file, environment) is the runtime's
 * business.
 */
export interface Secret {
  /** Every value that is valid now, newest reading; undefined while it could not be read for the first time. */
  current(): readonly string[] | undefined;
}
