using Edifice.Engine.Checking;

namespace Edifice.Attention.Tests.Checkpoints;

/// <summary>Parameters of golden files under published names and in published shapes, renamed here by hand so that a mistake in the
/// library's tables cannot hide.</summary>
internal static class GoldenAsPublished
{
    /// <summary>One parameter: its tensors in a layout.</summary>
    public static IEnumerable<(string Name, DenseArray Values)> Convert(string layout, GoldenFile file)
    {
        var parameters = file.Names("param").Where(n => !n.StartsWith("input_proj", StringComparison.Ordinal)).ToDictionary(n => n, n => DenseArray.Of(file.Read("param." + n)));
        return layout switch
        {
            "rwkv7" => parameters.Select(p => Rwkv7(p.Key, p.Value)),
            "fla-rwkv7" => parameters.Select(p => FlaRwkv7(p.Key, p.Value)),
            "recurrentgemma" => parameters.Select(p => RecurrentGemma(p.Key, p.Value)),
            "griffin" => Griffin(parameters),
            "torchscale-retnet" => parameters.Select(p => (Replaced(p.Key,
                (".norm1.", ".retention_layer_norm."), (".norm2.", ".final_layer_norm."), (".mixer.", ".retention."), ("final_norm.", "layer_norm."),
                (".ffn.gate.", ".ffn.fc1."), (".ffn.up.", ".ffn.gate."), (".ffn.down.", ".ffn.fc2.")), p.Value)),
            _ => parameters.Select(p => ("model." + Replaced(p.Key,
                (".norm1.", ".attn_norm."), (".norm2.", ".mlp_norm."), (".mixer.", ".attn."), ("final_norm.", "norm."),
                (".ffn.gate.", ".mlp.gate_proj."), (".ffn.up.", ".mlp.up_proj."), (".ffn.down.", ".mlp.down_proj."),
                (".out_proj.", ".o_proj."), (".gk_proj.down.", ".gk_proj.0."), (".gk_proj.up.", ".gk_proj.1."),
                (".group_norm.", ".g_norm_swish_gate."), (".out_norm.", ".g_norm.")), p.Value)),
        };
    }

    private static (string, DenseArray) Rwkv7(string name, DenseArray x)
    {
        var isVector = x.Rank == 1 && (name.Contains(".mixer.") || name.Contains(".ffn.")) && !name.Contains("ln_x");
        return (Replaced(name, ("layers.", "blocks."), (".norm1.", ".ln1."), (".norm2.", ".ln2."), (".mixer.", ".att."), ("final_norm.", "ln_out."), ("ln0.", "blocks.0.ln0.")),
            isVector ? x.Reshape([1, 1, x.Dims[0]]) : x);
    }

    private static (string, DenseArray) FlaRwkv7(string name, DenseArray x)
    {
        var last = name[(name.LastIndexOf('.') + 1)..];
        if (last.Length == 2 && "wavg".Contains(last[0]) && "012".Contains(last[1]))
        {
            var place = last[1] switch { '0' => "2.bias", '1' => "0.weight", _ => "2.weight" };
            return ($"model.{Replaced(name[..^2], (".mixer.", ".attn."))}{last[0]}_lora.lora.{place}", last[1] == '0' ? x : Transposed(x));
        }

        var renamed = Replaced(name, (".norm1.", ".attn_norm."), (".norm2.", ".ffn_norm."), ("final_norm.", "norm."), ("ln0.", "layers.0.pre_norm."),
            ("mixer.receptance.", "mixer.r_proj."), ("mixer.key.", "mixer.k_proj."), ("mixer.value.", "mixer.v_proj."), ("mixer.output.", "mixer.o_proj."),
            ("ln_x.", "g_norm."), (".mixer.", ".attn."));
        return ("model." + renamed, renamed.Contains("attn.x_") ? x.Reshape([1, 1, x.Dims[0]]) : x);
    }

    private static (string, DenseArray) RecurrentGemma(string name, DenseArray x)
    {
        var renamed = "model." + Replaced(name, (".norm1.", ".temporal_pre_norm."), (".norm2.", ".channel_pre_norm."), (".mixer.", ".temporal_block."),
            (".conv.", ".conv_1d."), ("input_gate.", "input_gate_"), ("a_gate.", "recurrent_gate_"), ("a_param", "recurrent_param"), (".out_proj.", ".o_proj."),
            (".ffn.gate.", ".mlp_block.gate_proj."), (".ffn.up.", ".mlp_block.up_proj."), (".ffn.down.", ".mlp_block.down_proj."));
        if (renamed.Contains("norm.")) return (renamed, Less1(x));
        return (renamed, renamed.EndsWith("conv_1d.weight", StringComparison.Ordinal) ? x.Reshape([x.Dims[0], 1, x.Dims[1]]) : x);
    }

    private static IEnumerable<(string, DenseArray)> Griffin(Dictionary<string, DenseArray> parameters)
    {
        foreach (var (name, x) in parameters)
        {
            if (name.Contains(".ffn.up.")) continue;
            var attends = parameters.ContainsKey($"{name.Split(".mixer.")[0]}.mixer.q_proj.weight");
            var renamed = Replaced(name, ("layers.", "blocks."), (".norm1.weight", ".temporal_pre_norm.scale"), (".norm2.weight", ".channel_pre_norm.scale"),
                ("final_norm.weight", "final_norm.scale"), (".mixer.", attends ? ".attention_block." : ".recurrent_block."),
                ("q_proj.", "proj_q."), ("k_proj.", "proj_k."), ("v_proj.", "proj_v."), ("out_proj.", "proj_final."),
                ("conv.weight", "conv_1d.w"), ("conv.bias", "conv_1d.b"), ("_gate.weight", "_gate.w"), ("_gate.bias", "_gate.b"), (".ffn.down.", ".mlp_block.ffw_down."));
            if (name.Contains(".ffn.gate."))
            {
                var up = parameters[name.Replace("gate", "up")];
                yield return name.EndsWith("weight", StringComparison.Ordinal)
                    ? (Replaced(renamed, (".ffn.gate.weight", ".mlp_block.ffw_up.w")), DenseArray.Of([2, x.Dims[1], x.Dims[0]], i => (i[0] == 0 ? x : up)[[i[2], i[1]]]))
                    : (Replaced(renamed, (".ffn.gate.bias", ".mlp_block.ffw_up.b")), DenseArray.Of([2, 1, 1, x.Dims[0]], i => (i[0] == 0 ? x : up)[[i[3]]]));
            }
            else
            {
                yield return (renamed, renamed.EndsWith("scale", StringComparison.Ordinal) ? Less1(x) : renamed.EndsWith("conv_1d.w", StringComparison.Ordinal) ? Transposed(x) : x);
            }
        }
    }

    private static DenseArray Transposed(DenseArray x) => DenseArray.Of([x.Dims[1], x.Dims[0]], i => x[[i[1], i[0]]]);

    private static DenseArray Less1(DenseArray x) => DenseArray.Of(x.Dims, i => x[i] - 1);

    private static string Replaced(string name, params (string From, string To)[] pairs) =>
        pairs.Aggregate(name, (n, p) => n.Replace(p.From, p.To));
}
