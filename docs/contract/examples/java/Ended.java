import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Prints each operation that ended. Needs kafka-clients and jackson-databind: `java -cp 'libs/*' Ended.java`. */
public class Ended {
    private static final Set<String> FINAL = Set.of("completed", "completed_with_errors", "abandoned");

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", variable("BOOTSTRAP", "localhost:9092"),
                "group.id", variable("GROUP", "example-ended"),
                "auto.offset.reset", "earliest",
                "isolation.level", "read_committed"); // the Java client's default is read_uncommitted
        ObjectMapper json = new ObjectMapper();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(variable("TOPIC", "precache.operations")));
            while (true) {
                for (ConsumerRecord<String, String> each : consumer.poll(Duration.ofSeconds(1))) {
                    if (each.value() != null && "io.precache.operation.v1".equals(header(each, "ce_type"))) {
                        print(json.readTree(each.value()));
                    }
                }
            }
        }
    }

    private static void print(JsonNode record) {
        String status = record.get("status").asText();
        if (FINAL.contains(status)) {
            System.out.printf("%s %s revision %d: %d of %d hosts%n", record.get("operation").asText(), status,
                    record.get("revision").asInt(), record.get("hosts_done").asInt(),
                    record.get("hosts_total").asInt());
        }
    }

    private static String header(ConsumerRecord<String, String> record, String name) {
        Header header = record.headers().lastHeader(name);
        return header == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
    }

    private static String variable(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }
}
