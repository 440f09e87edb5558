// Prints each operation that ended: `npm ci && npm run build && npm start`.
import kafkajs from "kafkajs";
import type { EachMessagePayload } from "kafkajs";
import lz4 from "lz4js";

// Records are compressed with lz4, which KafkaJS leaves to others.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.LZ4] = () => ({
  compress: async (encoder: { buffer: Buffer }) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer: Buffer) => Buffer.from(lz4.decompress(buffer)),
});

interface Operation {
  operation: string;
  status: string;
  revision: number;
  hosts_done: number;
  hosts_total: number;
}

const FINAL = new Set(["completed", "completed_with_errors", "abandoned"]);

function show({ message }: EachMessagePayload): void {
  if (message.value === null || message.headers?.ce_type?.toString() !== "io.precache.operation.v1") {
    return;
  }
  const found: Operation = JSON.parse(message.value.toString());
  if (FINAL.has(found.status)) {
    const hosts = `${found.hosts_done} of ${found.hosts_total} hosts`;
    console.log(`${found.operation} ${found.status} revision ${found.revision}: ${hosts}`);
  }
}

const kafka = new kafkajs.Kafka({
  clientId: "ended",
  brokers: [process.env.BOOTSTRAP ?? "localhost:9092"],
  logLevel: kafkajs.logLevel.ERROR,
});
// KafkaJS reads what is committed, unless `readUncommitted` is set.
const consumer = kafka.consumer({ groupId: process.env.GROUP ?? "example-ended" });
await consumer.connect();
await consumer.subscribe({ topics: [process.env.TOPIC ?? "precache.operations"], fromBeginning: true });
await consumer.run({ eachMessage: async (payload) => show(payload) });
