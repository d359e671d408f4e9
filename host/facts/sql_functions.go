package facts

import "strings"

// The functions that only compute or read, by dialect. A function that stands nowhere here may do anything: databases
// take functions of their users' making. Names in lower case between blanks.
const (
	pureFunctions = ` count sum avg min max total group_concat lower upper trim ltrim rtrim length char_length character_length
 octet_length bit_length substr substring replace concat concat_ws coalesce ifnull nullif iif if abs ceil ceiling floor round trunc
 truncate sqrt power pow mod sign exp ln log log10 log2 pi sin cos tan asin acos atan atan2 degrees radians greatest least cast convert
 date time datetime now current_date current_time current_timestamp localtime localtimestamp strftime julianday unixepoch timediff
 year month day hour minute second week weekday quarter dayofweek dayofmonth dayofyear dayname monthname last_day date_add date_sub
 adddate subdate datediff date_format str_to_date from_unixtime unix_timestamp timestampdiff timestampadd extract date_trunc date_part
 to_char to_date to_timestamp to_number age make_date make_time make_timestamp make_interval justify_days justify_hours
 instr position locate left right lpad rpad repeat reverse space ascii char chr unicode hex unhex quote printf format initcap
 split_part strpos translate btrim overlay regexp_replace regexp_match regexp_matches regexp_split_to_array regexp_split_to_table
 regexp_like regexp_substr regexp_instr regexp_count string_to_array array_to_string string_to_table
 row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
 json json_array json_object json_extract json_type json_valid json_quote json_array_length json_group_array json_group_object
 json_insert json_replace json_set json_remove json_patch json_each json_tree json_contains json_keys json_length json_search json_unquote
 json_value json_table json_arrayagg json_objectagg jsonb_array jsonb_extract jsonb_object
 md5 sha1 sha2 sha256 sha512 crc32 digest encode decode to_base64 from_base64
 random rand typeof like glob likely unlikely likelihood zeroblob changes total_changes last_insert_rowid sqlite_version
 version database schema user current_user session_user current_schema current_database current_catalog current_role found_rows
 row_count connection_id last_insert_id uuid field elt find_in_set make_set interval inet_aton inet_ntoa inet6_aton inet6_ntoa
 std stddev stddev_pop stddev_samp variance var_pop var_samp bit_and bit_or bit_xor any_value grouping
 soundex nullif strcmp oct bin conv generate_series row values snippet highlight bm25 matchinfo offsets st_astext st_distance `

	postgresFunctions = ` string_agg array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg bool_and bool_or every corr covar_pop
 covar_samp regr_slope regr_intercept percentile_cont percentile_disc mode xmlagg range_agg
 to_json to_jsonb row_to_json json_build_object json_build_array jsonb_build_object jsonb_build_array json_each_text jsonb_each
 jsonb_each_text json_array_elements json_array_elements_text jsonb_array_elements jsonb_array_elements_text json_object_keys
 jsonb_object_keys json_extract_path json_extract_path_text jsonb_extract_path jsonb_extract_path_text json_typeof jsonb_typeof
 jsonb_set jsonb_insert jsonb_pretty jsonb_strip_nulls json_strip_nulls jsonb_path_query jsonb_path_query_array jsonb_path_exists
 jsonb_array_length json_populate_record json_to_record json_to_recordset jsonb_to_record jsonb_to_recordset
 array_length array_position array_positions array_append array_prepend array_cat array_remove array_replace array_dims array_ndims
 array_upper array_lower cardinality unnest generate_subscripts
 clock_timestamp statement_timestamp transaction_timestamp timeofday timezone isfinite justify_interval date_bin
 width_bucket div gcd lcm factorial cbrt scale min_scale trim_scale random_normal setseed
 format_type pg_get_constraintdef pg_get_indexdef pg_get_viewdef pg_get_triggerdef pg_get_expr pg_get_userbyid
 pg_get_serial_sequence pg_get_function_arguments pg_get_function_result pg_get_function_identity_arguments pg_table_is_visible
 pg_type_is_visible obj_description col_description shobj_description pg_size_pretty pg_table_size pg_total_relation_size
 pg_relation_size pg_indexes_size pg_database_size pg_column_size pg_encoding_to_char current_setting has_table_privilege
 has_column_privilege has_schema_privilege has_database_privilege pg_backend_pid pg_postmaster_start_time pg_is_in_recovery to_regclass
 to_regtype to_regproc quote_ident quote_literal quote_nullable num_nulls num_nonnulls pg_typeof txid_current_snapshot
 to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline similarity
 starts_with ascii to_hex convert_from convert_to get_byte set_byte sha224 sha384 gen_random_uuid uuid_generate_v4 normalize
 lower_inc upper_inc isempty lower_inf upper_inf range_merge int4range int8range numrange tsrange tstzrange daterange
 host network masklen netmask broadcast family text abbrev inet_same_family inet_merge
 like_escape similar_escape similar_to_escape timestamp timestamptz interval numeric int4 int8 float8 bool varchar bpchar `

	sqliteFunctions = ` pragma_table_info pragma_table_xinfo pragma_index_list pragma_index_info pragma_index_xinfo pragma_foreign_key_list
 pragma_database_list pragma_table_list pragma_function_list pragma_collation_list pragma_compile_options pragma_pragma_list
 pragma_module_list concat string_agg format octet_length sign sqlite_source_id sqlite_compileoption_used sqlite_compileoption_get
 sqlite_offset jsonb jsonb_each jsonb_tree jsonb_group_array jsonb_group_object subtype median percentile fts5 rtreecheck unistr `

	mysqlFunctions = ` curdate curtime sysdate utc_date utc_time utc_timestamp makedate maketime period_add period_diff sec_to_time
 time_to_sec time_format to_days from_days to_seconds microsecond yearweek weekofyear addtime subtime convert_tz get_format
 ord insert export_set lcase ucase mid substring_index charset collation coercibility format_bytes bit_count aes_encrypt compress
 uncompress uncompressed_length weight_string json_depth json_pretty json_storage_size json_overlaps json_merge_patch
 json_merge_preserve json_array_append json_array_insert member_of is_uuid uuid_to_bin bin_to_uuid is_ipv4 is_ipv6 cot system_user
 get_bit uuid_short default not and or xor isnull exists in case nullif sum0 approx_count_distinct match_against geometry point
 st_x st_y st_srid st_geomfromtext st_contains st_within `

	// writingFunctions change state of the database or the session.
	writingFunctions = ` nextval setval set_config pg_notify pg_advisory_lock pg_advisory_xact_lock pg_try_advisory_lock pg_advisory_unlock
 txid_current lo_create lo_creat lo_put lo_from_bytea get_lock release_lock release_all_locks name_const `

	// executingFunctions reach files, programs, other databases or other sessions.
	executingFunctions = ` pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_file_write
 pg_file_unlink pg_file_rename lo_import lo_export lo_unlink pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile
 pg_switch_wal pg_promote pg_create_restore_point dblink dblink_exec dblink_connect dblink_send_query query_to_xml
 query_to_xml_and_xmlschema query_to_xmlschema cursor_to_xml table_to_xml schema_to_xml database_to_xml pg_sleep pg_sleep_for
 pg_sleep_until pg_execute_server_program pg_current_logfile load_extension readfile writefile edit fsdir lsdir fts3_tokenizer zipfile
 load_file sleep benchmark sys_exec sys_eval sys_get sys_set master_pos_wait source_pos_wait xp_cmdshell `
)

func reads(dialect, name string) bool {
	if listed(pureFunctions, name) {
		return true
	}
	switch dialect {
	case "postgres":
		return listed(postgresFunctions, name)
	case "sqlite":
		return listed(sqliteFunctions, name)
	default:
		return listed(mysqlFunctions, name)
	}
}

// effect is the type of a function that is not known to only read.
func effect(name string) Type {
	switch {
	case listed(executingFunctions, name):
		return Execute
	case listed(writingFunctions, name):
		return Write
	}
	return Unknown
}

// listed reports whether a name stands between blanks in a list.
func listed(list, name string) bool {
	if name == "" || strings.ContainsAny(name, " \n") {
		return false
	}
	for i := 0; ; {
		j := strings.Index(list[i:], name)
		if j < 0 {
			return false
		}
		i += j + len(name)
		before, after := list[i-len(name)-1], list[i]
		if (before == ' ' || before == '\n') && (after == ' ' || after == '\n') {
			return true
		}
	}
}
