// Adds what Avro for Java makes of each case of resolution.jsonl: its value, or no value where it refuses. Fields of cases stay.
//
//     mvn dependency:copy-dependencies -DoutputDirectory=lib   # of org.apache.avro:avro:1.12.0
//     java -cp 'lib/*' Resolution.java < resolution.jsonl > new && mv new resolution.jsonl

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Map;
import java.util.Scanner;
import org.apache.avro.AvroTypeException;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericEnumSymbol;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;
import org.apache.avro.io.DecoderFactory;

class Resolution {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        Scanner lines = new Scanner(System.in, "UTF-8");
        while (lines.hasNextLine()) {
            ObjectNode test = (ObjectNode) JSON.readTree(lines.nextLine());
            test.remove("value");
            Schema writer = new Schema.Parser().parse(test.get("writer").toString());
            Schema reader = new Schema.Parser().parse(test.get("reader").toString());
            byte[] datum = HexFormat.of().parseHex(test.get("datum").asText());
            try {
                var decoder = DecoderFactory.get().binaryDecoder(datum, null);
                test.set("value", json(new GenericDatumReader<>(writer, reader).read(null, decoder)));
            } catch (AvroTypeException refused) {
            }
            System.out.println(test);
        }
    }

    /** Bytes are a list of numbers. */
    static JsonNode json(Object value) {
        if (value instanceof IndexedRecord record) {
            ObjectNode object = JSON.createObjectNode();
            record.getSchema().getFields().forEach(field -> object.set(field.name(), json(record.get(field.pos()))));
            return object;
        } else if (value instanceof Map<?, ?> map) {
            ObjectNode object = JSON.createObjectNode();
            map.forEach((key, item) -> object.set(key.toString(), json(item)));
            return object;
        } else if (value instanceof Collection<?> items) {
            var array = JSON.createArrayNode();
            items.forEach(item -> array.add(json(item)));
            return array;
        } else if (value instanceof GenericFixed fixed) {
            return json(ByteBuffer.wrap(fixed.bytes()));
        } else if (value instanceof ByteBuffer bytes) {
            var array = JSON.createArrayNode();
            while (bytes.hasRemaining()) {
                array.add(bytes.get() & 255);
            }
            return array;
        } else if (value instanceof CharSequence || value instanceof GenericEnumSymbol) {
            return JSON.getNodeFactory().textNode(value.toString());
        }
        return JSON.valueToTree(value);
    }
}
