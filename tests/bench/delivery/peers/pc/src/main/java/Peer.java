import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.internal.DrainingCloseable.DrainingMode;
import io.confluent.parallelconsumer.vertx.VertxParallelEoSStreamProcessor;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.ext.web.client.HttpRequest;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Parallel Consumer in KEY order, posting with Vert.x's web client on two event loops. */
final class Peer {
    private static final int EVENT_LOOPS = 2;
    private static final long FIRST_REST_MS = 100;
    private static final long LONGEST_REST_MS = 5_000;

    private final URI url = URI.create(told("URL"));
    private final String auth = "Bearer " + told("WRITE_KEY");
    private final int inFlight = Integer.parseInt(told("IN_FLIGHT"));

    public static void main(String[] arguments) throws InterruptedException {
        new Peer().run();
        Thread.currentThread().join();
    }

    private void run() {
        Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(EVENT_LOOPS));
        WebClient web = WebClient.create(vertx, webOptions());
        var processor = new VertxParallelEoSStreamProcessor<byte[], byte[]>(vertx, web, options());
        processor.subscribe(List.of(told("TOPIC")));
        processor.vertxFuture(context -> post(web, context.getSingleConsumerRecord()));
        Runtime.getRuntime().addShutdownHook(
                new Thread(() -> processor.close(Duration.ofSeconds(5), DrainingMode.DONT_DRAIN)));
    }

    private Future<Void> post(WebClient web, ConsumerRecord<byte[], byte[]> record) {
        Buffer body;
        try {
            body = Buffer.buffer(Event.of(record));
        } catch (IOException problem) {
            return Future.failedFuture(problem);
        }
        HttpRequest<Buffer> request = web.post(url.getPort(), url.getHost(), url.getPath());
        request.putHeader("Authorization", auth).putHeader("Content-Type", "application/json");
        return request.sendBuffer(body).compose(response -> response.statusCode() / 100 == 2
                ? Future.succeededFuture()
                : Future.failedFuture("status " + response.statusCode()));
    }

    private WebClientOptions webOptions() {
        WebClientOptions options = new WebClientOptions().setMaxPoolSize(inFlight).setKeepAlive(true);
        if (url.getScheme().equals("https")) {
            options.setSsl(true).setTrustOptions(new PemTrustOptions().addCertPath(told("CA")));
        }
        return options;
    }

    private ParallelConsumerOptions<byte[], byte[]> options() {
        return ParallelConsumerOptions.<byte[], byte[]>builder()
                .consumer(new KafkaConsumer<>(consumerSettings()))
                .ordering(ProcessingOrder.KEY)
                .maxConcurrency(inFlight)
                .commitMode(CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS)
                .commitInterval(Duration.ofSeconds(1))
                .retryDelayProvider(context -> rest(context.getNumberOfFailedAttempts()))
                .build();
    }

    private static Duration rest(int failed) {
        return Duration.ofMillis(Math.min(LONGEST_REST_MS, FIRST_REST_MS << Math.min(6, Math.max(0, failed - 1))));
    }

    private static Properties consumerSettings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", told("BROKERS"));
        settings.put("group.id", told("GROUP"));
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("max.poll.records", "2000");
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return settings;
    }

    private static String told(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException(name + " is not set");
        }
        return value;
    }
}
