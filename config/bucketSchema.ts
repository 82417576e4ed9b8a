/** The shape of `backup.s3`, and the keys of its secrets. */
import { VERSIONED_IMAGE } from "./formats.ts";
import { imageReference } from "./pins.ts";
import { object, optionalText, text, url } from "./values.ts";

/** The secrets of the bucket, both of which it needs. */
export const BUCKET_KEYS = ["backupS3AccessKeyId", "backupS3SecretAccessKey"] as const;

/** A bucket for backups, of any service that has the API of S3. */
export const bucketSchema = object({
  /** Its port is the only one outside of the cluster that backups may connect to. */
  endpoint: url(
    /^https?:\/\/[^\s/?#@]+$/,
    "an http(s) URL without a path, such as https://s3.eu-central-1.amazonaws.com",
  ),
  region: text(/^[a-z0-9][-a-z0-9]{0,62}$/, "a region such as eu-central-1").prefault("us-east-1"),
  bucket: text(
    /^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$/,
    "the name of a bucket: lower-case letters, digits, - and ., 3 to 63 characters",
  ),
  /** Folder in the bucket; empty: the namespace. */
  prefix: optionalText(
    /^[A-Za-z0-9][-\w.]*(\/[A-Za-z0-9][-\w.]*)*$/,
    "a folder such as todo-app/production",
  ),
  /** Image of rclone, which does the transfers. */
  image: text(VERSIONED_IMAGE, "an image with a tag or digest").prefault(() =>
    imageReference("rclone"),
  ),
});
