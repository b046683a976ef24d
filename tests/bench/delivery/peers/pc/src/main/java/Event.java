import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** An {@code orders.completed} as the event that is agreed on. */
final class Event {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int USUAL_SIZE = 1024;

    private Event() {}

    static byte[] of(ConsumerRecord<byte[], byte[]> record) throws IOException {
        JsonNode order = JSON.readTree(record.value());
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(USUAL_SIZE);
        try (JsonGenerator out = JSON.createGenerator(bytes)) {
            out.writeStartObject();
            out.writeStringField("event_type", "track");
            out.writeStringField("event_name", "Order Completed");
            out.writeStringField("user_id", order.path("customer").path("id").asText());
            out.writeStringField("timestamp", order.path("created_at").asText());
            out.writeObjectFieldStart("context");
            out.writeStringField("topic", record.topic());
            out.writeNumberField("partition", record.partition());
            out.writeNumberField("offset", record.offset());
            out.writeEndObject();
            out.writeArrayFieldStart("event_params");
            text(out, order, "order_id", "string_value");
            begin(out, "total");
            out.writeNumberField("double_value", order.path("total").asDouble());
            end(out);
            begin(out, "item_count");
            out.writeNumberField("int_value", order.path("items").size());
            end(out);
            begin(out, "seq");
            out.writeNumberField("int_value", order.path("seq").asLong());
            end(out);
            text(out, order, "location", "string_value");
            text(out, order, "note", "string_value");
            text(out, order, "created_at", "datetime_value");
            out.writeEndArray();
            out.writeEndObject();
        }
        return bytes.toByteArray();
    }

    private static void text(JsonGenerator out, JsonNode order, String key, String kind) throws IOException {
        begin(out, key);
        out.writeStringField(kind, order.path(key).asText());
        end(out);
    }

    private static void begin(JsonGenerator out, String key) throws IOException {
        out.writeStartObject();
        out.writeStringField("key", key);
        out.writeObjectFieldStart("value");
    }

    private static void end(JsonGenerator out) throws IOException {
        out.writeEndObject();
        out.writeEndObject();
    }
}
