import { Icon } from "@/components/Icon";

export function Brand() {
  return (
    <p className="brand">
      <span className="brand-mark">
        <Icon name="check" size={16} />
      </span>
      Todo
    </p>
  );
}
