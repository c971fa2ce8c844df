import { useId } from "preact/hooks";

/** A labelled choice of one among several. */
export function Select<Value extends string>({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string;
  readonly value: Value;
  /** Values, or values with what is shown for them. */
  readonly options: readonly (Value | readonly [value: Value, text: string])[];
  onChange(value: Value): void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value as Value)}>
        {options.map((option) => {
          const [each, text] = typeof option === "string" ? [option, option] : option;
          return (
            <option key={each} value={each}>
              {text}
            </option>
          );
        })}
      </select>
    </div>
  );
}
