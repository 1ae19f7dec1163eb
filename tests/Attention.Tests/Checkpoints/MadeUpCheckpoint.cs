using System.Globalization;
using Edifice.Engine;
using Edifice.Engine.Serialization;

namespace Edifice.Attention.Tests.Checkpoints;

/// <summary>A small checkpoint in a published layout, listed by hand: what the published code names its tensors and how they are
/// shaped, independent of the library's tables.</summary>
/// <param name="Layout">The layout.</param>
/// <param name="Config">Its configuration.</param>
/// <param name="Listing">One tensor a line: name, shape, and the layers that have it where the name has <c>{i}</c>.</param>
internal sealed record MadeUpCheckpoint(string Layout, string Config, string Listing)
{
    public static IReadOnlyList<MadeUpCheckpoint> All { get; } =
    [
        new("rwkv7", "{}", """
            emb.weight              | 11, 8
            blocks.0.ln0.weight     | 8
            blocks.0.ln0.bias       | 8
            blocks.{i}.ln1.weight   | 8       | 0, 1
            blocks.{i}.ln1.bias     | 8       | 0, 1
            blocks.{i}.ln2.weight   | 8       | 0, 1
            blocks.{i}.ln2.bias     | 8       | 0, 1
            blocks.{i}.att.x_r      | 1, 1, 8 | 0, 1
            blocks.{i}.att.x_w      | 1, 1, 8 | 0, 1
            blocks.{i}.att.x_k      | 1, 1, 8 | 0, 1
            blocks.{i}.att.x_v      | 1, 1, 8 | 0, 1
            blocks.{i}.att.x_a      | 1, 1, 8 | 0, 1
            blocks.{i}.att.x_g      | 1, 1, 8 | 0, 1
            blocks.{i}.att.w0       | 1, 1, 8 | 0, 1
            blocks.{i}.att.w1       | 8, 3    | 0, 1
            blocks.{i}.att.w2       | 3, 8    | 0, 1
            blocks.{i}.att.a0       | 1, 1, 8 | 0, 1
            blocks.{i}.att.a1       | 8, 2    | 0, 1
            blocks.{i}.att.a2       | 2, 8    | 0, 1
            blocks.{i}.att.v0       | 1, 1, 8 | 1
            blocks.{i}.att.v1       | 8, 1    | 1
            blocks.{i}.att.v2       | 1, 8    | 1
            blocks.{i}.att.g1       | 8, 5    | 0, 1
            blocks.{i}.att.g2       | 5, 8    | 0, 1
            blocks.{i}.att.k_k      | 1, 1, 8 | 0, 1
            blocks.{i}.att.k_a      | 1, 1, 8 | 0, 1
            blocks.{i}.att.r_k      | 2, 4    | 0, 1
            blocks.{i}.att.receptance.weight | 8, 8 | 0, 1
            blocks.{i}.att.key.weight        | 8, 8 | 0, 1
            blocks.{i}.att.value.weight      | 8, 8 | 0, 1
            blocks.{i}.att.output.weight     | 8, 8 | 0, 1
            blocks.{i}.att.ln_x.weight       | 8    | 0, 1
            blocks.{i}.att.ln_x.bias         | 8    | 0, 1
            blocks.{i}.ffn.x_k               | 1, 1, 8 | 0, 1
            blocks.{i}.ffn.key.weight        | 32, 8   | 0, 1
            blocks.{i}.ffn.value.weight      | 8, 32   | 0, 1
            ln_out.weight           | 8
            ln_out.bias             | 8
            head.weight             | 11, 8
            """),
        new("fla-rwkv7", """{"model_type": "rwkv7", "hidden_size": 8, "num_hidden_layers": 2, "head_dim": 4, "norm_eps": 1e-5, "attn": null}""", """
            model.embeddings.weight                         | 11, 8
            model.layers.0.pre_norm.weight                  | 8
            model.layers.0.pre_norm.bias                    | 8
            model.layers.{i}.attn_norm.weight               | 8       | 0, 1
            model.layers.{i}.attn_norm.bias                 | 8       | 0, 1
            model.layers.{i}.ffn_norm.weight                | 8       | 0, 1
            model.layers.{i}.ffn_norm.bias                  | 8       | 0, 1
            model.layers.{i}.attn.x_r                       | 1, 1, 8 | 0, 1
            model.layers.{i}.attn.x_w                       | 1, 1, 8 | 0, 1
            model.layers.{i}.attn.x_k                       | 1, 1, 8 | 0, 1
            model.layers.{i}.attn.x_v                       | 1, 1, 8 | 0, 1
            model.layers.{i}.attn.x_a                       | 1, 1, 8 | 0, 1
            model.layers.{i}.attn.x_g                       | 1, 1, 8 | 0, 1
            model.layers.{i}.attn.w_lora.lora.0.weight      | 3, 8    | 0, 1
            model.layers.{i}.attn.w_lora.lora.2.weight      | 8, 3    | 0, 1
            model.layers.{i}.attn.w_lora.lora.2.bias        | 8       | 0, 1
            model.layers.{i}.attn.a_lora.lora.0.weight      | 2, 8    | 0, 1
            model.layers.{i}.attn.a_lora.lora.2.weight      | 8, 2    | 0, 1
            model.layers.{i}.attn.a_lora.lora.2.bias        | 8       | 0, 1
            model.layers.{i}.attn.v_lora.lora.0.weight      | 1, 8    | 1
            model.layers.{i}.attn.v_lora.lora.2.weight      | 8, 1    | 1
            model.layers.{i}.attn.v_lora.lora.2.bias        | 8       | 1
            model.layers.{i}.attn.g_lora.lora.0.weight      | 5, 8    | 0, 1
            model.layers.{i}.attn.g_lora.lora.2.weight      | 8, 5    | 0, 1
            model.layers.{i}.attn.k_k                       | 8       | 0, 1
            model.layers.{i}.attn.k_a                       | 8       | 0, 1
            model.layers.{i}.attn.r_k                       | 2, 4    | 0, 1
            model.layers.{i}.attn.r_proj.weight             | 8, 8    | 0, 1
            model.layers.{i}.attn.k_proj.weight             | 8, 8    | 0, 1
            model.layers.{i}.attn.v_proj.weight             | 8, 8    | 0, 1
            model.layers.{i}.attn.o_proj.weight             | 8, 8    | 0, 1
            model.layers.{i}.attn.g_norm.weight             | 8       | 0, 1
            model.layers.{i}.attn.g_norm.bias               | 8       | 0, 1
            model.layers.{i}.ffn.x_k                        | 8       | 0, 1
            model.layers.{i}.ffn.key.weight                 | 16, 8   | 0, 1
            model.layers.{i}.ffn.value.weight               | 8, 16   | 0, 1
            model.norm.weight                               | 8
            model.norm.bias                                 | 8
            lm_head.weight                                  | 11, 8
            """),
        new("recurrentgemma", """{"model_type": "recurrent_gemma", "num_hidden_layers": 4, "attention_window_size": 6, "logits_soft_cap": 30.0, "block_types": ["recurrent", "recurrent", "attention"], "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}""", """
            model.embed_tokens.weight                                     | 11, 8
            model.layers.{i}.temporal_pre_norm.weight                     | 8       | 0, 1, 2, 3
            model.layers.{i}.channel_pre_norm.weight                      | 8       | 0, 1, 2, 3
            model.layers.{i}.temporal_block.linear_y.weight               | 6, 8    | 0, 1, 3
            model.layers.{i}.temporal_block.linear_y.bias                 | 6       | 0, 1, 3
            model.layers.{i}.temporal_block.linear_x.weight               | 6, 8    | 0, 1, 3
            model.layers.{i}.temporal_block.linear_x.bias                 | 6       | 0, 1, 3
            model.layers.{i}.temporal_block.linear_out.weight             | 8, 6    | 0, 1, 3
            model.layers.{i}.temporal_block.linear_out.bias               | 8       | 0, 1, 3
            model.layers.{i}.temporal_block.conv_1d.weight                | 6, 1, 4 | 0, 1, 3
            model.layers.{i}.temporal_block.conv_1d.bias                  | 6       | 0, 1, 3
            model.layers.{i}.temporal_block.rg_lru.recurrent_param        | 6       | 0, 1, 3
            model.layers.{i}.temporal_block.rg_lru.input_gate_weight      | 2, 3, 3 | 0, 1, 3
            model.layers.{i}.temporal_block.rg_lru.input_gate_bias        | 2, 3    | 0, 1, 3
            model.layers.{i}.temporal_block.rg_lru.recurrent_gate_weight  | 2, 3, 3 | 0, 1, 3
            model.layers.{i}.temporal_block.rg_lru.recurrent_gate_bias    | 2, 3    | 0, 1, 3
            model.layers.{i}.temporal_block.q_proj.weight                 | 8, 8    | 2
            model.layers.{i}.temporal_block.k_proj.weight                 | 4, 8    | 2
            model.layers.{i}.temporal_block.v_proj.weight                 | 4, 8    | 2
            model.layers.{i}.temporal_block.o_proj.weight                 | 8, 8    | 2
            model.layers.{i}.temporal_block.o_proj.bias                   | 8       | 2
            model.layers.{i}.mlp_block.gate_proj.weight                   | 24, 8   | 0, 1, 2, 3
            model.layers.{i}.mlp_block.gate_proj.bias                     | 24      | 0, 1, 2, 3
            model.layers.{i}.mlp_block.up_proj.weight                     | 24, 8   | 0, 1, 2, 3
            model.layers.{i}.mlp_block.up_proj.bias                       | 24      | 0, 1, 2, 3
            model.layers.{i}.mlp_block.down_proj.weight                   | 8, 24   | 0, 1, 2, 3
            model.layers.{i}.mlp_block.down_proj.bias                     | 8       | 0, 1, 2, 3
            model.final_norm.weight                                       | 8
            """),
        new("griffin", """{"attention_window_size": 6, "embeddings_scale_by_sqrt_dim": false, "logits_soft_cap": 0}""", """
            embedder.input_embedding                        | 11, 8
            blocks.{i}.temporal_pre_norm.scale              | 8       | 0, 1, 2
            blocks.{i}.channel_pre_norm.scale               | 8       | 0, 1, 2
            blocks.{i}.recurrent_block.linear_y.weight      | 8, 8    | 0, 1
            blocks.{i}.recurrent_block.linear_y.bias        | 8       | 0, 1
            blocks.{i}.recurrent_block.linear_x.weight      | 8, 8    | 0, 1
            blocks.{i}.recurrent_block.linear_x.bias        | 8       | 0, 1
            blocks.{i}.recurrent_block.linear_out.weight    | 8, 8    | 0, 1
            blocks.{i}.recurrent_block.linear_out.bias      | 8       | 0, 1
            blocks.{i}.recurrent_block.conv_1d.w            | 4, 8    | 0, 1
            blocks.{i}.recurrent_block.conv_1d.b            | 8       | 0, 1
            blocks.{i}.recurrent_block.rg_lru.a_param       | 8       | 0, 1
            blocks.{i}.recurrent_block.rg_lru.input_gate.w  | 2, 4, 4 | 0, 1
            blocks.{i}.recurrent_block.rg_lru.input_gate.b  | 2, 4    | 0, 1
            blocks.{i}.recurrent_block.rg_lru.a_gate.w      | 2, 4, 4 | 0, 1
            blocks.{i}.recurrent_block.rg_lru.a_gate.b      | 2, 4    | 0, 1
            blocks.{i}.attention_block.proj_q.weight        | 8, 8    | 2
            blocks.{i}.attention_block.proj_k.weight        | 4, 8    | 2
            blocks.{i}.attention_block.proj_v.weight        | 4, 8    | 2
            blocks.{i}.attention_block.proj_final.weight    | 8, 8    | 2
            blocks.{i}.attention_block.proj_final.bias      | 8       | 2
            blocks.{i}.mlp_block.ffw_up.w                   | 2, 8, 24    | 0, 1, 2
            blocks.{i}.mlp_block.ffw_up.b                   | 2, 1, 1, 24 | 0, 1, 2
            blocks.{i}.mlp_block.ffw_down.weight            | 8, 24   | 0, 1, 2
            blocks.{i}.mlp_block.ffw_down.bias              | 8       | 0, 1, 2
            final_norm.scale                                | 8
            """),
        new("torchscale-retnet", """{"decoder_embed_dim": 12, "decoder_layers": 2, "decoder_retention_heads": 3, "activation_fn": "gelu"}""", """
            embed_tokens.weight                         | 11, 12
            layers.{i}.retention_layer_norm.weight      | 12     | 0, 1
            layers.{i}.retention.q_proj.weight          | 12, 12 | 0, 1
            layers.{i}.retention.k_proj.weight          | 12, 12 | 0, 1
            layers.{i}.retention.v_proj.weight          | 18, 12 | 0, 1
            layers.{i}.retention.g_proj.weight          | 18, 12 | 0, 1
            layers.{i}.retention.out_proj.weight        | 12, 18 | 0, 1
            layers.{i}.final_layer_norm.weight          | 12     | 0, 1
            layers.{i}.ffn.fc1.weight                   | 20, 12 | 0, 1
            layers.{i}.ffn.gate.weight                  | 20, 12 | 0, 1
            layers.{i}.ffn.fc2.weight                   | 12, 20 | 0, 1
            layer_norm.weight                           | 12
            output_projection.weight                    | 11, 12
            """),
        new("fla-retnet", """{"model_type": "retnet", "num_heads": 2, "norm_eps": 1e-6, "hidden_act": "swish"}""", """
            model.embeddings.weight                         | 11, 8
            model.layers.{i}.attn_norm.weight               | 8     | 0, 1
            model.layers.{i}.mlp_norm.weight                | 8     | 0, 1
            model.layers.{i}.attn.q_proj.weight             | 8, 8  | 0, 1
            model.layers.{i}.attn.k_proj.weight             | 8, 8  | 0, 1
            model.layers.{i}.attn.v_proj.weight             | 16, 8 | 0, 1
            model.layers.{i}.attn.g_proj.weight             | 16, 8 | 0, 1
            model.layers.{i}.attn.g_norm_swish_gate.weight  | 8     | 0, 1
            model.layers.{i}.attn.o_proj.weight             | 8, 16 | 0, 1
            model.layers.{i}.mlp.gate_proj.weight           | 13, 8 | 0, 1
            model.layers.{i}.mlp.up_proj.weight             | 13, 8 | 0, 1
            model.layers.{i}.mlp.down_proj.weight           | 8, 13 | 0, 1
            model.norm.weight                               | 8
            lm_head.weight                                  | 11, 8
            """),
        new("fla-gla", """{"model_type": "gla", "num_hidden_layers": 2, "num_heads": 2, "num_kv_heads": null, "clamp_min": null, "intermediate_size": 13}""", """
            model.embeddings.weight                         | 11, 12
            model.layers.{i}.attn_norm.weight               | 12     | 0, 1
            model.layers.{i}.mlp_norm.weight                | 12     | 0, 1
            model.layers.{i}.attn.q_proj.weight             | 6, 12  | 0, 1
            model.layers.{i}.attn.k_proj.weight             | 6, 12  | 0, 1
            model.layers.{i}.attn.v_proj.weight             | 12, 12 | 0, 1
            model.layers.{i}.attn.g_proj.weight             | 12, 12 | 0, 1
            model.layers.{i}.attn.gk_proj.0.weight          | 5, 12  | 0, 1
            model.layers.{i}.attn.gk_proj.1.weight          | 6, 5   | 0, 1
            model.layers.{i}.attn.gk_proj.1.bias            | 6      | 0, 1
            model.layers.{i}.attn.g_norm_swish_gate.weight  | 6      | 0, 1
            model.layers.{i}.attn.o_proj.weight             | 12, 12 | 0, 1
            model.layers.{i}.mlp.gate_proj.weight           | 13, 12 | 0, 1
            model.layers.{i}.mlp.up_proj.weight             | 13, 12 | 0, 1
            model.layers.{i}.mlp.down_proj.weight           | 12, 13 | 0, 1
            model.norm.weight                               | 12
            lm_head.weight                                  | 11, 12
            """),
        new("fla-hgrn2", """{"model_type": "hgrn2", "expand_ratio": 4, "num_heads": 2, "use_lower_bound": true, "tie_word_embeddings": true}""", """
            model.embeddings.weight                         | 11, 8
            model.lower_bounds                              | 2, 8
            model.layers.{i}.attn_norm.weight               | 8     | 0, 1
            model.layers.{i}.mlp_norm.weight                | 8     | 0, 1
            model.layers.{i}.attn.q_proj.weight             | 8, 8  | 0, 1
            model.layers.{i}.attn.f_proj.weight             | 8, 8  | 0, 1
            model.layers.{i}.attn.i_proj.weight             | 8, 8  | 0, 1
            model.layers.{i}.attn.g_norm.weight             | 8     | 0, 1
            model.layers.{i}.attn.o_proj.weight             | 8, 8  | 0, 1
            model.layers.{i}.mlp.gate_proj.weight           | 13, 8 | 0, 1
            model.layers.{i}.mlp.up_proj.weight             | 13, 8 | 0, 1
            model.layers.{i}.mlp.down_proj.weight           | 8, 13 | 0, 1
            model.norm.weight                               | 8
            """),
    ];

    public static MadeUpCheckpoint Of(string layout) => All.Single(c => c.Layout == layout);

    /// <summary>The tensors, with values of their own each. Those are multiples of 1/64 below 2, so that every dtype holds them, and
    /// 1 more than them.</summary>
    public OrderedDictionary<string, Tensor> Tensors(DType dtype = DType.Float32)
    {
        var generator = new Generator(3);
        var tensors = new OrderedDictionary<string, Tensor>();
        foreach (var line in Listing.Split('\n'))
        {
            var cells = line.Split('|', StringSplitOptions.TrimEntries);
            var shape = Numbers(cells[1]);
            foreach (var name in cells.Length < 3 ? [cells[0]] : Numbers(cells[2]).Select(i => cells[0].Replace("{i}", i.ToString(CultureInfo.InvariantCulture))))
            {
                var sixtyFourths = Enumerable.Range(0, shape.Aggregate(1, (n, d) => n * d)).Select(_ => Math.Floor(generator.NextDouble() * 127) - 63);
                tensors.Add(name, Tensor.FromArray([.. sixtyFourths.Select(v => v / 64)], shape).To(dtype));
            }
        }

        return tensors;
    }

    /// <summary>Writes a folder as the published code leaves it.</summary>
    public static void Write(string folder, IEnumerable<KeyValuePair<string, Tensor>> tensors, string? config)
    {
        Directory.CreateDirectory(folder);
        SafetensorsFile.Write(Path.Combine(folder, "model.safetensors"), tensors, [new("format", "pt")]);
        if (config is not null) File.WriteAllText(Path.Combine(folder, "config.json"), config);
    }

    private static int[] Numbers(string text) => [.. text.Split(", ").Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
}
