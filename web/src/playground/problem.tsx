import { Notice } from "../components/index.ts";

/** An error in the library's own words, with its columns kept. */
export const Problem = ({ error }: { readonly error: Error | undefined }) =>
  error === undefined ? null : (
    <Notice kind="error">
      <strong>{error.name}</strong>
      <pre>{error.message}</pre>
    </Notice>
  );
