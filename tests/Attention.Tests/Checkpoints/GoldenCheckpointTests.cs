using Edifice.Attention.Checkpoints;
using Edifice.Engine;
using Edifice.Engine.Checking;
using Edifice.Nn;

namespace Edifice.Attention.Tests.Checkpoints;

/// <summary>The golden files' numbers are those of the published code. Their parameters, renamed by hand into a published layout
/// and loaded from there, must give them too: through the embedding, with its scale, and up to the scores.</summary>
public class GoldenCheckpointTests
{
    private const int Vocabulary = 150;

    public static TheoryData<string, string, string> Cases => new()
    {
        { "rwkv7", "rwkv-squared", "{}" },
        { "fla-rwkv7", "rwkv-squared", "{}" },
        { "fla-rwkv7", "rwkv-three", """{"norm_first": false}""" },
        { "recurrentgemma", "griffin-base", """{"attention_window_size": 4}""" },
        { "recurrentgemma", "griffin-groups", """{"attention_window_size": 1, "num_key_value_heads": 2, "logits_soft_cap": 2.5}""" },
        { "recurrentgemma", "griffin-hawk", "{}" },
        { "griffin", "griffin-six", """{"attention_window_size": 3, "embeddings_scale_by_sqrt_dim": true, "logits_soft_cap": 1.5}""" },
        { "griffin", "griffin-long", """{"attention_window_size": 32, "embeddings_scale_by_sqrt_dim": false, "logits_soft_cap": 0}""" },
        { "griffin", "griffin-hawk", """{"embeddings_scale_by_sqrt_dim": false, "logits_soft_cap": 0}""" },
        { "torchscale-retnet", "retnet-torchscale", """{"decoder_retention_heads": 3, "no_scale_embedding": false}""" },
        { "fla-retnet", "retnet-fla", "{}" },
        { "fla-gla", "gla-base", "{}" },
        { "fla-gla", "gla-default-ffn", """{"num_heads": 2, "norm_eps": 1e-6}""" },
        { "fla-hgrn2", "hgrn-fla", """{"num_heads": 3}""" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Golden_parameters_in_a_published_layout_give_the_golden_states_and_scores(string layout, string golden, string config)
    {
        using var off = Tensor.NoGrad();
        using var folder = new TemporaryFolder();
        using var file = GoldenFile.Open(RepositoryFiles.Golden(golden));
        var x = Projected(file);
        var checkpoint = Published(folder, file, x, layout, config);
        var model = checkpoint.Model;
        AgreeOn(file, layout, ref model);
        var language = model.Build(new ParameterOptions { DType = DType.Float64 });
        language.LoadStateDict(checkpoint.StateDict(DType.Float64));
        language.Eval();

        // Token t stands for row t of the golden input.
        var tokens = Tensor.Arange(x.Size(0) * x.Size(1), dtype: DType.Int64).Reshape(x.Size(0), x.Size(1));
        var hidden = file.Read("hidden");
        Agree("hidden", hidden, language.Block.ForwardSequence(language.Embedding.Forward(tokens)));
        Agree("logits", Scores(DenseArray.Of(hidden), DenseArray.Of(Head(checkpoint)), model.LogitCap).ToTensor(), language.Logits(tokens));
        checkpoint.Dispose();
    }

    /// <summary>Where the golden file's options differ from what the published configuration can say, they are set: the eps of the
    /// norm of each head.</summary>
    private static void AgreeOn(GoldenFile file, string layout, ref PublishedModel model)
    {
        var found = PublishedLayouts.Find(layout);
        var width = file.Options.Int("hidden_size", 0).ToString(System.Globalization.CultureInfo.InvariantCulture);
        var options = Blocks.Find(file.Block!).Options.Read(file.Options.With("embed_dim", width));
        model = model with
        {
            Options = (model.Options, found.Canonical(options)) switch
            {
                (RwkvOptions o, RwkvOptions g) => o with { GroupNormEps = g.GroupNormEps },
                (RetNetOptions o, RetNetOptions g) => o with { GroupNormEps = g.GroupNormEps },
                var (o, _) => o,
            },
        };
        Assert.Equal(found.Canonical(options), model.Options);
    }

    private static PublishedCheckpoint Published(TemporaryFolder folder, GoldenFile file, Tensor x, string layout, string config)
    {
        var width = x.Size(2);
        var tensors = GoldenAsPublished.Convert(layout, file).ToDictionary(t => t.Name, t => t.Values.ToTensor());
        var (embedding, head) = layout switch
        {
            "rwkv7" => ("emb.weight", "head.weight"),
            "recurrentgemma" => ("model.embed_tokens.weight", null),
            "griffin" => ("embedder.input_embedding", null),
            "torchscale-retnet" => ("embed_tokens.weight", "output_projection.weight"),
            _ => ("model.embeddings.weight", "lm_head.weight"),
        };
        // √E as the published code has it: RecurrentGemma rounds to bfloat16 (√8 to 2.828125, √16 is exact).
        var scale = (layout, config.Contains("embeddings_scale_by_sqrt_dim\": true") || layout == "recurrentgemma" || config.Contains("no_scale_embedding\": false"), width) switch
        {
            (_, false, _) => 1,
            ("torchscale-retnet", true, _) => Math.Sqrt(width),
            (_, true, 8) => 2.828125,
            _ => 4,
        };
        var rows = x.Reshape(-1, width) / scale;
        var others = Tensor.Randn([Vocabulary - rows.Size(0), width], DType.Float64, generator: new Generator(4));
        tensors.Add(embedding, Tensor.Cat([rows, others]));
        if (head is not null) tensors.Add(head, Tensor.Randn([Vocabulary, width], DType.Float64, generator: new Generator(5)));
        MadeUpCheckpoint.Write(folder.At("published"), tensors, config);
        return PublishedCheckpoint.Open(folder.At("published"), layout);
    }

    /// <summary>What the golden case's first layer reads: published models have no projection of their input.</summary>
    private static Tensor Projected(GoldenFile file)
    {
        var x = file.Read("input");
        return file.Has("param.input_proj.weight") ? x.Linear(file.Read("param.input_proj.weight"), file.Read("param.input_proj.bias")) : x;
    }

    private static Tensor Head(PublishedCheckpoint checkpoint) =>
        checkpoint.StateDict(DType.Float64)[checkpoint.Model.Tied ? "embedding.weight" : "head.weight"];

    /// <summary>c tanh(h · w / c) for every position and token.</summary>
    private static DenseArray Scores(DenseArray hidden, DenseArray head, double? cap) => DenseArray.Of([hidden.Dims[0], hidden.Dims[1], head.Dims[0]], i =>
    {
        var sum = 0.0;
        for (var c = 0; c < hidden.Dims[2]; c++) sum += hidden[[i[0], i[1], c]] * head[[i[2], c]];
        return cap is { } limit ? limit * Math.Tanh(sum / limit) : sum;
    });

    private static void Agree(string name, Tensor expected, Tensor actual)
    {
        var comparer = new GoldenComparer(name, DType.Float64);
        comparer.Compare(name, actual, expected, GoldenTolerance.Exact);
        Assert.True(comparer.Verdict().Agrees, comparer.Verdict().Report);
    }
}
